-- One row per evaluated fold, model, metric, cutoff and segment: means over users, with their
-- normal 95 % interval, mean ± 1.96 × standard deviation / √n.

with user_metrics as (

    select * from {{ ref('user_metrics') }}

),

candidate_recall as (

    select * from {{ ref('candidate_recall') }}

),

evaluated_users as (

    select * from {{ ref('evaluated_users') }}

),

-- A metric that a user has no value for (null) is no part of its mean.
tall as (

    from (
        unpivot user_metrics
        on {{ user_metric_names() | join(', ') }}
        into name metric value value
    )
    union all by name
    from (
        unpivot candidate_recall
        on candidate_recall, candidate_recall_added
        into name metric value value
    )

),

aggregated as (

    select
        tall.fold,
        tall.model,
        tall.metric,
        tall.k,
        evaluated_users.segment_kind,
        evaluated_users.segment,
        {{ exact_avg('tall.value', 12, 38) }} as value,
        {{ exact_avg('tall.value * tall.value', 12, 38) }} as mean_square,
        count(*) as n_users
    from tall
    inner join evaluated_users using (fold, user_key)
    group by all

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
    from aggregated

)

select * from final
