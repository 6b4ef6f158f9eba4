{#-
    A table that is filled one fold at a time, so that a query needs the memory of its largest fold
    however many there are. The model's import CTEs say `where {{ in_current_fold() }}`; compiled
    and run by hand, without a current fold, the query gives all folds at once, the same rows.

    With the config `in_blocks_of_users` a fold is filled so many users at a time (the var
    users_per_block), for queries that need users × candidates; they say
    `where {{ in_current_fold() }} and {{ in_current_users() }}`.

    Everything is one transaction: readers see the old table or the new one.
-#}
{% materialization by_fold, adapter='duckdb' %}
    {%- if is_finished() -%}
        {{ return(keep_finished()) }}
    {%- endif -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {#- Every model below the folds has them among its ancestors, few among their own refs. -#}
    {%- set folds = graph.nodes['model.foryou.folds'].relation_name -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {#- Dropped here: the transaction begins with this statement. -#}
    {% call statement('main') -%}
        {% if existing_relation is not none -%}
        drop {{ existing_relation.type }} {{ existing_relation }};
        {%- endif %}
        create table {{ target_relation.include(database=false) }} as
        select * from ({{ compiled_code }}) as all_folds limit 0
    {%- endcall %}
    {%- set per_block = var('users_per_block') if config.get('in_blocks_of_users') else none -%}
    {% for fold in run_query('select fold from ' ~ folds ~ ' order by fold').columns[0].values() %}
        {% do run_query('set variable current_fold = ' ~ quoted(fold)) %}
        {% for first_user, last_user in blocks_of_users(fold, per_block) %}
            {% if per_block %}
                {% do run_query('set variable first_user = ' ~ first_user) %}
                {% do run_query('set variable last_user = ' ~ last_user) %}
            {% endif %}
            {% call statement('fold_' ~ fold ~ '_' ~ loop.index) -%}
                insert into {{ target_relation.include(database=false) }}
                {{ compiled_code }}
            {%- endcall %}
        {% endfor %}
    {% endfor %}
    {% if per_block %}
        {% do run_query('reset variable first_user') %}
        {% do run_query('reset variable last_user') %}
    {% endif %}
    {% do run_query('reset variable current_fold') %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do persist_docs(target_relation, model) %}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#- The ranges of keys that hold so many users of a fold each, and together every key. -#}
{% macro blocks_of_users(fold, per_block) -%}
    {%- if not per_block -%}
        {%- do return([[none, none]]) -%}
    {%- endif -%}
    {%- set firsts = run_query(
        'with numbered as (select user_key, (row_number() over (order by user_key) - 1) // ' ~ per_block
        ~ ' as block from ' ~ graph.nodes['model.foryou.fold_users'].relation_name
        ~ ' where fold = ' ~ quoted(fold)
        ~ ') select min(user_key) from numbered where block > 0 group by block order by block'
    ).columns[0].values() | map('int') | list -%}
    {%- set blocks = [] -%}
    {%- for first_user in [0] + firsts -%}
        {%- do blocks.append([first_user, (firsts + [2147483648])[loop.index0] - 1]) -%}
    {%- endfor -%}
    {%- do return(blocks) -%}
{%- endmacro %}
