{#- A column of the owner's as text; of a JSON value its text, without JSON's own quotes. -#}
{% macro custom_text(entity, column) -%}
    {%- if custom_columns(entity).get(column) == 'JSON' -%}
        ({{ adapter.quote(column) }} ->> '$')
    {%- else -%}
        cast({{ adapter.quote(column) }} as varchar)
    {%- endif -%}
{%- endmacro %}
