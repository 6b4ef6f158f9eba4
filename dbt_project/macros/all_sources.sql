{#- Every source there is, whether it runs or not: the ranker has columns for each. -#}
{% macro all_sources() -%}
    {%- do return([
        'popular', 'trending', 'popular_in_segment', 'content', 'embedding', 'cooccurrence',
        'transitions', 'rp3beta', 'ease', 'als', 'svd', 'two_tower', 'survey',
    ]) -%}
{%- endmacro %}
