{#- What the var `custom` says of an input; nothing where it says nothing. -#}
{% macro custom_entry(entity) -%}
    {%- set entry = var('custom')[entity] if var('custom') is mapping else none -%}
    {%- do return(entry if entry is mapping else {}) -%}
{%- endmacro %}
