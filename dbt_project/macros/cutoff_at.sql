{#-
    A fold's cutoff as SQL: a share of the events in order of time, or the time itself. As a
    share it is the time of the event at that place, so that events of one moment stay together.
-#}
{% macro cutoff_at(cutoff, interactions) -%}
    {%- if cutoff is number -%}
        (select quantile_disc(occurred_at, {{ cutoff }}) from {{ interactions }})
    {%- else -%}
        cast('{{ cutoff }}' as timestamp)
    {%- endif -%}
{%- endmacro %}
