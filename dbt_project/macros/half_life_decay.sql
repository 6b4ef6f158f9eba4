{#- What is left of 1 after so many days, when half is lost every half_life_days. -#}
{% macro half_life_decay(age_days, half_life_days) -%}
    {%- if half_life_days is none -%}
        1.0
    {%- else -%}
        power(2.0, -greatest({{ age_days }}, 0.0) / {{ half_life_days }})
    {%- endif -%}
{%- endmacro %}
