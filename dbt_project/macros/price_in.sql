{#- The price in a text such as "19.99" or "$1,299.00"; null where it is anything else. -#}
{% macro price_in(text) -%}
    try_cast(replace(ltrim({{ text }}, '$ '), ',', '') as decimal(18, 2))
{%- endmacro %}
