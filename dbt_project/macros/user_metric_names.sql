{#- The metrics that are means over users: the columns of user_metrics after its keys. -#}
{% macro user_metric_names() -%}
    {%- do return([
        'recall', 'recall_capped', 'precision', 'hit_rate', 'ndcg', 'map', 'mrr',
        'serendipity', 'recall_ips', 'ndcg_ips',
        'user_coverage', 'diversity', 'novelty', 'popularity_bias', 'freshness',
        'calibration_kl', 'has_new_item', 'days_since_exposure',
    ]) -%}
{%- endmacro %}
