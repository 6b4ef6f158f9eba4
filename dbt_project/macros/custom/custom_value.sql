{#- A column of the owner's as one of our types; null where it cannot be read as such. -#}
{% macro custom_value(entity, column, type) -%}
    {%- set is_json = custom_columns(entity).get(column) == 'JSON' and not type.endswith('[]') -%}
    {%- set value = custom_text(entity, column) if is_json else adapter.quote(column) -%}
    {%- if type == 'timestamp' -%}
        {{ any_to_timestamp(value) }}
    {%- else -%}
        try_cast({{ value }} as {{ type }})
    {%- endif -%}
{%- endmacro %}
