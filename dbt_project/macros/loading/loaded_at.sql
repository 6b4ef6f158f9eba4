{#- When a staged event was loaded, or its file last changed. -#}
{% macro loaded_at() -%}
    {{ return(adapter.dispatch('loaded_at', 'foryou')()) }}
{%- endmacro %}

{% macro default__loaded_at() -%}
    {{ "getvariable('file_times')[source_file]" if load_unit() == 'file' else 'loaded_at' }}
{%- endmacro %}
