{#- A mean that does not depend on the order of its rows; see exact_sum. -#}
{% macro exact_avg(expression, scale=12) -%}
    ({{ exact_sum(expression, scale) }} / count({{ expression }}))
{%- endmacro %}
