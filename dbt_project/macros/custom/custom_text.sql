{#- A column of the owner's as text, given the types of all; of a JSON value without its quotes. -#}
{% macro custom_text(column, types) -%}
    {%- if types.get(column) == 'JSON' -%}
        ({{ adapter.quote(column) }} ->> '$')
    {%- else -%}
        cast({{ adapter.quote(column) }} as varchar)
    {%- endif -%}
{%- endmacro %}
