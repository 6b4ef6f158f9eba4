{#- Column → type of a custom input as it is found; nothing before execution. -#}
{% macro custom_columns(entity) -%}
    {%- set found = {} -%}
    {%- if execute -%}
        {%- for row in run_query('describe select * from ' ~ custom_relation(entity)).rows -%}
            {%- do found.update({row[0]: row[1]}) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return(found) -%}
{%- endmacro %}
