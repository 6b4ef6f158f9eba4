{#-
    What experiments are judged by: the metric → columns of experiment_users, as numerator,
    denominator, and covariate from before the user was assigned (none: there is none). A metric over
    users has the denominator 1.
-#}
{% macro experiment_metrics() -%}
    {%- set metrics = {
        'ctr': ['n_clicks', 'n_impressions', 'n_clicks_before'],
        'conversion': ['cast(n_conversions > 0 as integer)', '1', 'n_conversions_before'],
        'revenue': ['revenue', '1', 'revenue_before'],
        'watch_time': ['dwell_seconds', '1', 'dwell_seconds_before'],
        'category_diversity': ['category_diversity', '1', none],
    } -%}
    {%- for day in var('retention_days') -%}
        {%- do metrics.update({
            'retention_' ~ day ~ 'd': ['is_retained_' ~ day ~ 'd', '1', 'n_active_days_before']
        }) -%}
    {%- endfor -%}
    {%- do return(metrics) -%}
{%- endmacro %}
