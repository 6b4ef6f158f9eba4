{#- What a row of a custom input was read from. -#}
{% macro custom_source_file(entity) -%}
    {%- set input = custom_entry(entity) -%}
    {%- if input.file -%}
        filename
    {%- else -%}
        {{ quoted(input.relation or input.ref or (input.source or []) | join('.')) }}
    {%- endif -%}
{%- endmacro %}
