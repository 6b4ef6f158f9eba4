{#- One vector, seen from another. -#}
{% macro vector_difference(one, other) -%}
    {{ return(adapter.dispatch('vector_difference', 'foryou')(one, other)) }}
{%- endmacro %}

{% macro default__vector_difference(one, other) -%}
    list_transform(list_zip({{ one }}, {{ other }}), lambda pair: pair[1] - pair[2])
{%- endmacro %}
