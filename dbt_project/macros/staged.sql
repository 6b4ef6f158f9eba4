{#-
    The staging model of the chosen data set for one entity, with all columns of input_columns: a
    column that staging leaves out is null, and a data set without the entity gives no rows. It is
    where the inputs begin, so the vars are checked here first: nothing is parsed to the end, and
    nothing runs, with vars that make no sense.
-#}
{% macro staged(entity) -%}
    {%- do check_vars() -%}
    {%- set folder = var('datasets')[var('dataset')] -%}
    (
        select
        {%- for column, type in input_columns(entity).items() %}
            cast(null as {{ type }}) as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
        where false
        {%- if entity in staging_inputs()[folder] %}
        union all by name
        select * from {{ ref('stg_' ~ folder ~ '__' ~ entity) }}
        {%- endif %}
    ) as staged_{{ entity }}
{%- endmacro %}
