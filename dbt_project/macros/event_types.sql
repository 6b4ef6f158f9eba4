{#-
    The event types of a model that was built, or none where that cannot be told: while dbt parses,
    with --empty, and in a unit test, whose rows stand in no table.
-#}
{% macro event_types(model) -%}
    {%- set relation = load_cached_relation(model) if execute and not flags.EMPTY else none -%}
    {%- if relation is none -%}
        {%- do return(none) -%}
    {%- endif -%}
    {%- do return(run_query(
        'select distinct event_type from ' ~ relation ~ ' order by event_type'
    ).columns[0].values() | list) -%}
{%- endmacro %}
