{#- A mean that does not depend on the order of its rows; see exact_sum. -#}
{% macro exact_avg(expression, scale=12, digits=18) -%}
    ({{ exact_sum(expression, scale, digits) }} / count({{ expression }}))
{%- endmacro %}
