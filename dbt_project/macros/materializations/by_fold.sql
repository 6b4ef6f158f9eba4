{#-
    A table that is filled one fold at a time, so that a query needs the memory of its largest fold
    however many there are. The model's import CTEs say `where {{ in_current_fold() }}`; compiled
    and run by hand, without a current fold, the query gives all folds at once, the same rows.

    With the config `in_blocks_of_users` a fold is filled so many users at a time (the var
    users_per_block), for queries that need users × candidates; they say
    `where {{ in_current_fold() }} and {{ in_current_users() }}`.

    With the config `in_blocks_of_items` it is filled so many items at a time that about
    pairs_per_block pairs of them are looked at: `{{ in_current_items('item_key') }}`. The config
    names where they come from: a parent with pairs of items, which are looked at both ways; or the
    var that says with how many older likes of a user a like makes pairs.

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
        {%- set pairs = config.get('in_blocks_of_items') -%}
        {%- set entity = 'user' if is_by_user else 'item' if pairs else none -%}
        {% for fold in run_query(
            'select fold from ' ~ folds ~ (" where fold = 'live'" if keeps_rows else '') ~ ' order by fold'
        ).columns[0].values() %}
            {% do run_query('set variable current_fold = ' ~ quoted(fold)) %}
            {%- if entity == 'user' -%}
                {%- set blocks = blocks_of_users(fold) -%}
            {%- elif entity == 'item' -%}
                {%- set blocks = blocks_of_items(fold, pairs) -%}
            {%- else -%}
                {%- set blocks = [none] -%}
            {%- endif -%}
            {% for block in blocks %}
                {% if entity %}
                    {% do run_query('set variable first_' ~ entity ~ ' = ' ~ block[0]) %}
                    {% do run_query('set variable last_' ~ entity ~ ' = ' ~ block[1]) %}
                {% endif %}
                {% call statement('fold_' ~ fold ~ '_' ~ loop.index) -%}
                    insert into {{ table }}
                    {{ compiled_code }}
                {%- endcall %}
            {% endfor %}
        {% endfor %}
        {% for variable in [
            'first_user', 'last_user', 'first_item', 'last_item', 'current_fold', 'only_changed'
        ] %}
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

{#- The ranges of keys that hold users_per_block users each of those of a fold who are served. -#}
{% macro blocks_of_users(fold) -%}
    {%- do return(ranges_of_keys(
        'with numbered as (select user_key as key, (row_number() over (order by user_key) - 1) // '
        ~ var('users_per_block') ~ ' as block from '
        ~ graph.nodes['model.foryou.fold_users'].relation_name
        ~ ' where fold = ' ~ quoted(fold)
        ~ (' and ' ~ is_changed_user() if is_fold_in() else '') ~ ')'
    )) -%}
{%- endmacro %}

{#-
    The ranges of keys whose items are in about pairs_per_block pairs of a fold each. Pairs of likes
    become that few once they are counted: ten of them stand for one of items, which at 25 million
    events five make up.
-#}
{% macro blocks_of_items(fold, pairs) -%}
    {%- set its_model = graph.nodes['model.foryou.' ~ pairs] -%}
    {%- if its_model is defined -%}
        {%- set pairs_per_block = var('pairs_per_block') -%}
        {%- set ends = 'select unnest([item_key, neighbor_item_key]) as key, 1 as n from '
            ~ its_model.relation_name ~ ' where fold = ' ~ quoted(fold) -%}
    {%- else -%}
        {%- set pairs_per_block = 10 * var('pairs_per_block') -%}
        {%- set ends = 'select item_key as key, least(recency_rank - 1, ' ~ sized(pairs)
            ~ ') as n from ' ~ graph.nodes['model.foryou.user_items'].relation_name
            ~ ' where is_positive and fold = ' ~ quoted(fold) -%}
    {%- endif -%}
    {%- do return(ranges_of_keys(
        'with totals as (select key, sum(n) as n from (' ~ ends ~ ') group by key), numbered as ('
        ~ 'select key, sum(n) over (order by key) // ' ~ pairs_per_block ~ ' as block from totals)'
    )) -%}
{%- endmacro %}

{#- From the keys that are numbered by block: first and last key of each, together every key. -#}
{% macro ranges_of_keys(numbered) -%}
    {%- set firsts = run_query(
        numbered ~ ' select min(key) from numbered where block > 0 group by block order by block'
    ).columns[0].values() | map('int') | list -%}
    {%- set ranges = [] -%}
    {%- for first in [0] + firsts -%}
        {%- do ranges.append([first, (firsts + [2147483648])[loop.index0] - 1]) -%}
    {%- endfor -%}
    {%- do return(ranges) -%}
{%- endmacro %}
