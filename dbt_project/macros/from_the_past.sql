{#-
    A table of this project as an earlier build, or a hook of this one, left it, or none: what reads
    it does not wait for it, as it would with `ref`, and may stand before it. The database itself is
    asked, as dbt does not know of tables that hooks make.
-#}
{% macro from_the_past(schema, identifier) -%}
    {%- if not execute or flags.EMPTY -%}
        {%- do return(none) -%}
    {%- endif -%}
    {%- set is_there = run_query(
        'select 1 from information_schema.tables where table_catalog = ' ~ quoted(target.database)
        ~ ' and table_schema = ' ~ quoted(schema) ~ ' and table_name = ' ~ quoted(identifier)
    ).rows | length > 0 -%}
    {%- do return(api.Relation.create(
        database=target.database, schema=schema, identifier=identifier
    ) if is_there else none) -%}
{%- endmacro %}
