{#- Strings from a var as the right side of `in`; of an empty list nothing is a member. -#}
{% macro in_list(values) -%}
    (
    {%- for value in values -%}
        {{ quoted(value) }}{{ ', ' if not loop.last }}
    {%- else -%}
        null
    {%- endfor -%}
    )
{%- endmacro %}
