{#- A column of the owner's as a list of texts: a list as it is, text by the input's delimiter. -#}
{% macro custom_list(entity, column) -%}
    {%- set delimiter = custom_entry(entity).delimiter -%}
    {%- set name = adapter.quote(column) -%}
    {%- if custom_columns(entity).get(column, '').endswith('[]') -%}
        cast({{ name }} as varchar[])
    {%- elif delimiter -%}
        string_split(cast({{ name }} as varchar), {{ quoted(delimiter) }})
    {%- else -%}
        [cast({{ name }} as varchar)]
    {%- endif -%}
{%- endmacro %}
