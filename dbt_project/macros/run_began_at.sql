{#- When this run of dbt began, UTC, to tell runs apart; no model reads it for what it computes. -#}
{% macro run_began_at() -%}
    cast('{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f") }}' as timestamp)
{%- endmacro %}
