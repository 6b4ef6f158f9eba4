{#-
    A table that is filled one fold at a time, so that a query needs the memory of its largest fold
    however many there are. The model's import CTEs say `where {{ in_current_fold() }}`; compiled
    and run by hand, without a current fold, the query gives all folds at once, the same rows.

    With the config `in_blocks_of_users` a fold is filled so many users at a time (the var
    users_per_block), for queries that need users × candidates; they say
    `where {{ in_current_fold() }} and {{ in_current_users() }}`.

    On a night that folds in (the var `refit`) the tested folds stay as they are, and of `live` the
    rows are made anew, in blocks of users only those of users who changed. With the config
    `refitted` nothing is: what is learned waits for the next refit.

    A Python model gives all its rows at once: those of the users of users_tonight.

    Everything is one transaction: readers see the old table or the new one.
-#}
{% materialization by_fold, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- if is_finished() -%}
        {{ return(keep_finished()) }}
    {%- endif -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set table = target_relation.include(database=false) -%}
    {#- Every model below the folds has them among its ancestors, few among their own refs. -#}
    {%- set folds = graph.nodes['model.foryou.folds'].relation_name -%}
    {%- set is_by_user = config.get('in_blocks_of_users') or model.language == 'python' -%}
    {%- set keeps_rows = existing_relation is not none and existing_relation.is_table and is_fold_in() -%}
    {%- set is_kept = keeps_rows and config.get('refitted', false) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {% if is_kept %}
        {% call noop_statement('main', 'KEPT') %}{% endcall %}
    {% elif model.language == 'python' %}
        {%- set made = make_intermediate_relation(target_relation) -%}
        {{ drop_relation_if_exists(load_cached_relation(made)) }}
        {% call statement('main', language='python') -%}
            {{ py_write_table(temporary=false, relation=made, compiled_code=compiled_code) }}
        {%- endcall %}
        {% if keeps_rows %}
            {% do run_query(rows_of_tonight(table, is_by_user)) %}
            {% do run_query('insert into ' ~ table ~ ' select * from ' ~ made) %}
            {% do adapter.drop_relation(made) %}
        {% else %}
            {{ drop_relation_if_exists(existing_relation) }}
            {% do adapter.rename_relation(made, target_relation) %}
        {% endif %}
    {% else %}
        {% if keeps_rows %}
            {% call statement('main') -%}
                {{ rows_of_tonight(table, is_by_user) }}
            {%- endcall %}
            {% do run_query('set variable only_changed = true') %}
        {% else %}
            {#- Dropped here: the transaction begins with this statement. -#}
            {% call statement('main') -%}
                {% if existing_relation is not none -%}
                drop {{ existing_relation.type }} {{ existing_relation }};
                {%- endif %}
                create table {{ table }} as
                select * from ({{ compiled_code }}) as all_folds limit 0
            {%- endcall %}
        {% endif %}
        {%- set per_block = var('users_per_block') if is_by_user else none -%}
        {% for fold in run_query(
            'select fold from ' ~ folds ~ (" where fold = 'live'" if keeps_rows else '') ~ ' order by fold'
        ).columns[0].values() %}
            {% do run_query('set variable current_fold = ' ~ quoted(fold)) %}
            {% for first_user, last_user in blocks_of_users(fold, per_block) %}
                {% if per_block %}
                    {% do run_query('set variable first_user = ' ~ first_user) %}
                    {% do run_query('set variable last_user = ' ~ last_user) %}
                {% endif %}
                {% call statement('fold_' ~ fold ~ '_' ~ loop.index) -%}
                    insert into {{ table }}
                    {{ compiled_code }}
                {%- endcall %}
            {% endfor %}
        {% endfor %}
        {% for variable in ['first_user', 'last_user', 'current_fold', 'only_changed'] %}
            {% do run_query('reset variable ' ~ variable) %}
        {% endfor %}
    {% endif %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do persist_docs(target_relation, model) %}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#- Takes out of a table what a night that folds in makes anew. -#}
{% macro rows_of_tonight(table, is_by_user) -%}
    delete from {{ table }}
    where fold = 'live'
    {%- if is_by_user %} and {{ is_changed_user() }} {%- endif -%}
{%- endmacro %}

{#-
    The ranges of keys that hold so many users each, of those of a fold who are served, and together
    every key.
-#}
{% macro blocks_of_users(fold, per_block) -%}
    {%- if not per_block -%}
        {%- do return([[none, none]]) -%}
    {%- endif -%}
    {%- set firsts = run_query(
        'with numbered as (select user_key, (row_number() over (order by user_key) - 1) // ' ~ per_block
        ~ ' as block from ' ~ graph.nodes['model.foryou.fold_users'].relation_name
        ~ ' where fold = ' ~ quoted(fold)
        ~ (' and ' ~ is_changed_user() if is_fold_in() else '')
        ~ ') select min(user_key) from numbered where block > 0 group by block order by block'
    ).columns[0].values() | map('int') | list -%}
    {%- set blocks = [] -%}
    {%- for first_user in [0] + firsts -%}
        {%- do blocks.append([first_user, (firsts + [2147483648])[loop.index0] - 1]) -%}
    {%- endfor -%}
    {%- do return(blocks) -%}
{%- endmacro %}
