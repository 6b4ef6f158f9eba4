{#- The sources that run: without event times nothing trends. -#}
{% macro active_sources() -%}
    {%- if has_event_times() -%}
        {%- do return(var('sources')) -%}
    {%- endif -%}
    {%- do return(var('sources') | reject('equalto', 'trending') | list) -%}
{%- endmacro %}
