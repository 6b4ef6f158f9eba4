{#- The one meaning of a like: the event's type weighs more than 0, and its value is enough. -#}
{% macro is_positive(event_type, value, weight) -%}
    {%- set threshold = case_of(event_type, var('positive_thresholds')) -%}
    (
        {{ weight }} > 0
        and coalesce({{ value }} >= {{ threshold }}, {{ threshold }} is null)
    )
{%- endmacro %}
