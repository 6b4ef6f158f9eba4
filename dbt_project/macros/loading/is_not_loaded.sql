{#- Whether a staged event is yet to be read into an `append` model; true of all where none is. -#}
{% macro is_not_loaded() -%}
    {{ return(adapter.dispatch('is_not_loaded', 'foryou')()) }}
{%- endmacro %}

{% macro default__is_not_loaded() -%}
    {%- if load_unit() == 'file' -%}
        not coalesce(list_contains(getvariable('loaded_files'), source_file), false)
    {%- elif load_unit() == 'time' -%}
        (getvariable('loaded_until') is null or loaded_at > getvariable('loaded_until'))
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}
