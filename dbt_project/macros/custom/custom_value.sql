{#- A column of the owner's as one of our types; null where it cannot be read as such. -#}
{% macro custom_value(column, type) -%}
    {%- if type == 'timestamp' -%}
        {{ any_to_timestamp(column) }}
    {%- else -%}
        try_cast({{ column }} as {{ type }})
    {%- endif -%}
{%- endmacro %}
