{#-
    The staging model of the chosen data set for one entity (input_columns), or no rows of the
    right types where the data set has none. It is where the inputs begin, so the vars are checked
    here first: nothing is parsed to the end, and nothing runs, with vars that make no sense.
-#}
{% macro staged(entity) -%}
    {%- do check_vars() -%}
    {%- set folder = var('datasets')[var('dataset')] -%}
    {%- if entity in staging_inputs()[folder] -%}
        {{ ref('stg_' ~ folder ~ '__' ~ entity) }}
    {%- else -%}
        (
            select
            {%- for column, type in input_columns(entity).items() %}
                cast(null as {{ type }}) as {{ column }}{{ ',' if not loop.last }}
            {%- endfor %}
            where false
        ) as nothing
    {%- endif -%}
{%- endmacro %}
