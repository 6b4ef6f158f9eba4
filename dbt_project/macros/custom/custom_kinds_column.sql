{#- The column that holds, in a row of its own, what stands in each of the columns that kinds name. -#}
{% macro custom_kinds_column(entity) -%}
    {%- do return('answer' if entity == 'survey_answers' else 'attribute') -%}
{%- endmacro %}
