{#- How long this run of dbt has taken so far. -#}
{% macro seconds_since_run_began() -%}
    epoch(now()) - epoch(timestamptz '{{ run_started_at.isoformat() }}')
{%- endmacro %}
