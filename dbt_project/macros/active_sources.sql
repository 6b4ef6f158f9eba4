{#-
    The sources that run: without event times nothing trends, and nothing follows anything; without
    surveys nobody has answered.
-#}
{% macro active_sources() -%}
    {%- set idle = [] if has_event_times() else ['trending', 'transitions'] -%}
    {%- if not has_surveys() -%}
        {%- do idle.append('survey') -%}
    {%- endif -%}
    {%- do return(var('sources') | reject('in', idle) | list) -%}
{%- endmacro %}
