{#- Whether a row belongs to the fold that a `by_fold` model is at; true of all when there is none. -#}
{% macro in_current_fold() -%}
    {{ return(adapter.dispatch('in_current_fold', 'foryou')()) }}
{%- endmacro %}

{% macro default__in_current_fold() -%}
    fold = coalesce(getvariable('current_fold'), fold)
{%- endmacro %}
