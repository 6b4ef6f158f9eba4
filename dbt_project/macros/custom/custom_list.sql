{#- A column of the owner's as a list of texts: a list as it is, text by the input's delimiter. -#}
{% macro custom_list(entity, column, types) -%}
    {%- set delimiter = custom_entry(entity).delimiter -%}
    {%- set type = types.get(column, '') -%}
    {%- set text = custom_text(column, types) -%}
    {%- set split = 'string_split(' ~ text ~ ', ' ~ quoted(delimiter) ~ ')' if delimiter
        else '[' ~ text ~ ']' -%}
    {%- if type.endswith('[]') -%}
        cast({{ adapter.quote(column) }} as varchar[])
    {%- elif type == 'JSON' -%}
        case
            when json_type({{ adapter.quote(column) }}) = 'ARRAY'
                then cast({{ adapter.quote(column) }} as varchar[])
            else {{ split }}
        end
    {%- else -%}
        {{ split }}
    {%- endif -%}
{%- endmacro %}
