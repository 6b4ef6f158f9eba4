{#-
    A fold's cutoff as SQL over all events: a share of them in order of time, or the time itself.
    As a share it is the time of the event at that place, so that events of one moment stay
    together.
-#}
{% macro cutoff_at(cutoff) -%}
    {%- if cutoff is number -%}
        quantile_disc(occurred_at, {{ cutoff }})
    {%- else -%}
        cast('{{ cutoff }}' as timestamp)
    {%- endif -%}
{%- endmacro %}
