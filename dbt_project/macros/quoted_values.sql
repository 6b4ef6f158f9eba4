{#- A mapping var with its values as SQL strings. -#}
{% macro quoted_values(mapping) -%}
    {%- set quoted_mapping = {} -%}
    {%- for key, value in mapping.items() -%}
        {%- do quoted_mapping.update({key: quoted(value)}) -%}
    {%- endfor -%}
    {%- do return(quoted_mapping) -%}
{%- endmacro %}
