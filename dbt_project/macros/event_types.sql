{#-
    The event types in a table that was built, or none where that cannot be told: while dbt parses,
    with --empty, and in a unit test, whose rows stand in no schema.
-#}
{% macro event_types(relation) -%}
    {%- if not execute or flags.EMPTY or relation.schema is none
        or load_cached_relation(relation) is none -%}
        {%- do return(none) -%}
    {%- endif -%}
    {%- do return(run_query(
        'select distinct event_type from ' ~ relation ~ ' order by event_type'
    ).columns[0].values() | list) -%}
{%- endmacro %}
