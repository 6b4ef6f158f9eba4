{#- The sources that run: without event times nothing trends, and nothing follows anything. -#}
{% macro active_sources() -%}
    {%- if has_event_times() -%}
        {%- do return(var('sources')) -%}
    {%- endif -%}
    {%- do return(var('sources') | reject('in', ['trending', 'transitions']) | list) -%}
{%- endmacro %}
