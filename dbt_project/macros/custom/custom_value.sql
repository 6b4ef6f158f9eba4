{#- A column of the owner's as one of our types; null where it cannot be read as such. -#}
{% macro custom_value(column, type, types) -%}
    {%- set is_json = types.get(column) == 'JSON' and not type.endswith('[]') -%}
    {%- set value = custom_text(column, types) if is_json else adapter.quote(column) -%}
    {%- if type == 'timestamp' -%}
        {{ any_to_timestamp(value) }}
    {%- else -%}
        try_cast({{ value }} as {{ type }})
    {%- endif -%}
{%- endmacro %}
