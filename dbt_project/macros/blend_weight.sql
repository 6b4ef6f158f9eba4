{#-
    A source's weight in the blend, for the kind of split a fold is made by. `live` has the weights
    that the evaluation stands for: those of the first kind of split.
-#}
{% macro blend_weight(split, source) -%}
    {%- set by_split = var('blend_weights_by_split') -%}
    {%- if by_split -%}
        case case {{ split }} when 'live' then '{{ active_splits()[0] }}' else {{ split }} end
        {%- for kind, weights in by_split.items() %}
            when {{ quoted(kind) }} then {{ case_of(source, weights, '0.0') }}
        {%- endfor %}
            else {{ case_of(source, var('blend_weights'), '0.0') }}
        end
    {%- else -%}
        {{ case_of(source, var('blend_weights'), '0.0') }}
    {%- endif -%}
{%- endmacro %}
