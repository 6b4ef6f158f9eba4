{#- The sources that run and compare vectors: each has a model <source>_vectors. -#}
{% macro vector_sources() -%}
    {%- do return(['als', 'svd', 'embedding', 'two_tower'] | select('in', active_sources()) | list) -%}
{%- endmacro %}
