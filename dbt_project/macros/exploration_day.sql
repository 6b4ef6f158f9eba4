{#- The day that draws depend on, as text: that of the cutoff. Without event times all days are one. -#}
{% macro exploration_day(cutoff_at) -%}
    coalesce(cast(cast({{ cutoff_at }} as date) as varchar), 'no day')
{%- endmacro %}
