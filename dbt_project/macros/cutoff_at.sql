{#-
    A fold's cutoff as SQL over all events: a share of them in order of time, or the time itself.
    As a share it is the time of the event at that place, so that events of one moment stay
    together. Folds before `tune` lie as far apart as it and `holdout`.
-#}
{% macro cutoff_at(fold) -%}
    {%- set n_before = evaluated_folds().index(fold) - 1 -%}
    {%- set t1, t2 = var('tune_cutoff'), var('holdout_cutoff') -%}
    {%- if n_before <= 0 -%}
        {{ _cutoff(t1 if fold == 'tune' else t2) }}
    {%- elif t1 is number -%}
        {{ _cutoff((t1 - n_before * (t2 - t1)) | round(9)) }}
    {%- else -%}
        {{ _cutoff(t1) }} - {{ n_before }} * ({{ _cutoff(t2) }} - {{ _cutoff(t1) }})
    {%- endif -%}
{%- endmacro %}

{% macro _cutoff(cutoff) -%}
    {%- if cutoff is number -%}
        quantile_disc(occurred_at, {{ cutoff }})
    {%- else -%}
        cast('{{ cutoff }}' as timestamp)
    {%- endif -%}
{%- endmacro %}
