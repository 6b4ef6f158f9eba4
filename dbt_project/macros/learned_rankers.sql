{#- The rankers that run and are learned: each has a model <ranker>_fits. -#}
{% macro learned_rankers() -%}
    {%- do return(['lightgbm', 'dlrm'] | select('in', var('rankers')) | list) -%}
{%- endmacro %}
