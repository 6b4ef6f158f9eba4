{#-
    The staging model of the chosen data set for one entity: interactions, items, item_attributes,
    users or user_attributes. It is where the inputs begin, so the vars are checked here first:
    nothing is parsed to the end, and nothing runs, with vars that make no sense.
-#}
{% macro staged(entity) -%}
    {%- do check_vars() -%}
    {{ ref('stg_' ~ var('datasets')[var('dataset')] ~ '__' ~ entity) }}
{%- endmacro %}
