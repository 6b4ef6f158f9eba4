{#- Columns of the owner's as one JSON object; a name that ends in * stands for all that begin so. -#}
{% macro custom_json(entity, names) -%}
    {%- set matched = [] -%}
    {%- for name in names -%}
        {%- if name.endswith('*') -%}
            {%- for column in custom_columns(entity) if column.startswith(name[:-1]) -%}
                {%- do matched.append(column) -%}
            {%- endfor -%}
        {%- else -%}
            {%- do matched.append(name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if matched -%}
        json_object(
        {%- for column in matched -%}
            {{ quoted(column) }}, {{ adapter.quote(column) }}{{ ', ' if not loop.last }}
        {%- endfor -%}
        )
    {%- else -%}
        cast(null as json)
    {%- endif -%}
{%- endmacro %}
