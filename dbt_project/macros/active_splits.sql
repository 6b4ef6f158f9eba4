{#-
    The kinds of split that folds are made by. Without event times nothing can be cut by time: what
    is left of the var `splits`, or else `random`.
-#}
{% macro active_splits() -%}
    {%- if has_event_times() -%}
        {%- do return(var('splits')) -%}
    {%- endif -%}
    {%- set timeless = var('splits') | reject('in', ['time', 'leave_one_out']) | list -%}
    {%- do return(timeless or ['random']) -%}
{%- endmacro %}
