{#- The cosine of two vectors; the last bits are a machine's own, and are dropped. -#}
{% macro cosine(one, other) -%}
    {{ return(adapter.dispatch('cosine', 'foryou')(one, other)) }}
{%- endmacro %}

{% macro default__cosine(one, other) -%}
    round(cast(list_cosine_similarity({{ one }}, {{ other }}) as double), 6)
{%- endmacro %}
