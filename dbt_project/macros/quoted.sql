{#- A value from a var as an SQL string, whatever quotes it holds. -#}
{% macro quoted(value) -%}
    {{ dbt.string_literal(dbt.escape_single_quotes(value | string)) }}
{%- endmacro %}
