{#- A list without its last element. -#}
{% macro all_but_last(list) -%}
    {{ return(adapter.dispatch('all_but_last', 'foryou')(list)) }}
{%- endmacro %}

{% macro default__all_but_last(list) -%}
    {{ list }}[:-2]
{%- endmacro %}
