{#-
    A table that grows by the rows it does not hold yet. The model says `where
    {{ is_not_loaded() }}`; compiled and run by hand, the query gives all rows. It is made anew with
    --full-refresh, when the query or a view under it has changed, and when `loading` says so.

    Rows lie in the order in which they were read, so that their place tells the line of a file:
    what one query adds is in one piece, and DuckDB keeps the order when it closes gaps.
-#}
{% materialization append, adapter='duckdb' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing_relation = load_cached_relation(this) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- set views = [] -%}
    {%- for node in model.depends_on.nodes if node in graph.nodes -%}
        {%- do views.append(quoted(graph.nodes[node].alias)) -%}
    {%- endfor -%}
    {%- set view_code = run_query(
        "select coalesce(string_agg(sql, ' ' order by sql), '') from duckdb_views() where view_name in ("
        ~ (views or ['null']) | join(', ') ~ ') and database_name = current_database()'
    ).rows[0][0] -%}
    {%- set made_by = 'made by ' ~ local_md5(compiled_code ~ view_code) -%}
    {%- set table = target_relation.include(database=false) -%}
    {%- set held = none -%}
    {%- if existing_relation is not none and existing_relation.is_table
        and not should_full_refresh() and not flags.EMPTY -%}
        {%- set comment = run_query(
            'select comment from duckdb_tables() where database_name = current_database()'
            ~ ' and schema_name = ' ~ quoted(this.schema) ~ ' and table_name = ' ~ quoted(this.identifier)
        ).rows[0][0] -%}
        {%- set held = table if comment == made_by else none -%}
    {%- endif -%}
    {%- set load = loading(held) -%}
    {%- set keeps_order = run_query("select current_setting('preserve_insertion_order')").rows[0][0] -%}

    {% do run_query('set preserve_insertion_order = true') %}
    {% for variable, value in load.variables.items() %}
        {% do run_query('set variable ' ~ variable ~ ' = ' ~ value) %}
    {% endfor %}
    {% if load.appends %}
        {% if load.stale %}
            {% do run_query('delete from ' ~ table ~ ' where ' ~ load.stale) %}
        {% endif %}
        {% call statement('main') -%}
            insert into {{ table }}
            {{ compiled_code }}
        {%- endcall %}
    {% else %}
        {{ drop_relation_if_exists(existing_relation) }}
        {% call statement('main') -%}
            create table {{ table }} as
            {{ compiled_code }}
        {%- endcall %}
        {% do run_query('comment on table ' ~ table ~ ' is ' ~ quoted(made_by)) %}
    {% endif %}
    {% for variable in load.variables %}
        {% do run_query('reset variable ' ~ variable) %}
    {% endfor %}
    {% do run_query('set preserve_insertion_order = ' ~ keeps_order) %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do persist_docs(target_relation, model) %}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
