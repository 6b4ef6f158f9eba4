{#- The time of the build, UTC, for telling future events; the only clock that decides anything. -#}
{% macro as_of() -%}
    cast('{{ var('as_of') or run_started_at.strftime("%Y-%m-%d %H:%M:%S") }}' as timestamp)
{%- endmacro %}
