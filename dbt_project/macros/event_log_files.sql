{#- The files of the online service's event log for this data set, as a pattern; none: it is not read. -#}
{% macro event_log_files() -%}
    {%- if var('event_log') is not none -%}
        {%- do return(var('event_log') ~ '/' ~ var('dataset') ~ '/*.jsonl') -%}
    {%- endif -%}
{%- endmacro %}
