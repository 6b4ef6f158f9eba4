{#- What the var `custom` says of an input; nothing where it says nothing. -#}
{% macro custom_entry(entity) -%}
    {%- do return((var('custom') or {}).get(entity) or {}) -%}
{%- endmacro %}
