{#- The first moment of the year that closes a title such as "Fargo (1996)"; null without one. -#}
{% macro year_in_title(title) -%}
    try_strptime(regexp_extract({{ title }}, '\((\d{4})\)\s*$', 1), '%Y')
{%- endmacro %}
