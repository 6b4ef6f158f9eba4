-- One row per evaluated fold, model, metric, cutoff and segment: means over users, with their
-- normal 95 % interval, mean ± 1.96 × standard deviation / √n.

with user_metrics as (

    select * from {{ ref('user_metrics') }}

),

evaluated_users as (

    select * from {{ ref('evaluated_users') }}

),

aggregated as (

    select
        user_metrics.fold,
        user_metrics.model,
        user_metrics.k,
        evaluated_users.segment_kind,
        evaluated_users.segment,
        {%- for metric in user_metric_names() %}
        {{ exact_avg('user_metrics.' ~ metric, 12 if metric != 'freshness' else 6) }}
            as {{ metric }}_mean,
        {{ exact_avg(
            'user_metrics.' ~ metric ~ ' * user_metrics.' ~ metric,
            12 if metric != 'freshness' else 3
        ) }} as {{ metric }}_mean_square,
        count(user_metrics.{{ metric }}) as {{ metric }}_n{{ ',' if not loop.last }}
        {%- endfor %}
    from user_metrics
    inner join evaluated_users using (fold, user_key)
    group by all

),

tall as (

    {% for metric in user_metric_names() -%}
    select
        fold,
        model,
        '{{ metric }}' as metric,
        k,
        segment_kind,
        segment,
        {{ metric }}_mean as value,
        {{ metric }}_mean_square as mean_square,
        {{ metric }}_n as n_users
    from aggregated
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

final as (

    select
        fold,
        model,
        metric,
        k,
        segment_kind,
        segment,
        value,
        1.96 * sqrt(greatest(mean_square - value * value, 0.0) / nullif(n_users - 1, 0))
            as half_width,
        n_users
    from tall
    where n_users > 0

)

select * from final
