{#- Days from one timestamp to another, with their fraction. -#}
{% macro days_between(earlier, later) -%}
    {{ return(adapter.dispatch('days_between', 'foryou')(earlier, later)) }}
{%- endmacro %}

{% macro default__days_between(earlier, later) -%}
    ((epoch({{ later }}) - epoch({{ earlier }})) / 86400.0)
{%- endmacro %}
