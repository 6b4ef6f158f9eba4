{#- The one meaning of a like: the event's type weighs more than 0, and its value is enough. -#}
{% macro is_positive(event_type, value, weight) -%}
    (
        {{ weight }} > 0
        and case
            when {{ case_of(event_type, var('positive_thresholds')) }} is null then true
            else coalesce(
                {{ value }} >= {{ case_of(event_type, var('positive_thresholds')) }}, false
            )
        end
    )
{%- endmacro %}
