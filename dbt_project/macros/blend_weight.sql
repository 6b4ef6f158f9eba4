{#- A source's weight in the blend, for the kind of split a fold is made by. -#}
{% macro blend_weight(split, source) -%}
    case
    {%- for kind, weights in var('blend_weights_by_split').items() %}
        when {{ split }} = {{ quoted(kind) }} then {{ case_of(source, weights, '0.0') }}
    {%- endfor %}
        else {{ case_of(source, var('blend_weights'), '0.0') }}
    end
{%- endmacro %}
