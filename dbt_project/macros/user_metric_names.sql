{#- The metrics that are means over users: the columns of user_metrics after its keys. -#}
{% macro user_metric_names() -%}
    {%- do return([
        'recall', 'recall_capped', 'precision', 'hit_rate', 'ndcg', 'map', 'mrr',
        'user_coverage', 'diversity', 'novelty', 'popularity_bias', 'freshness',
    ]) -%}
{%- endmacro %}
