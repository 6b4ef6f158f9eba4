-- One row per evaluated fold, metric, cutoff and pair of models, each way round: by how much the
-- model is above the baseline for the same users, summed, and for how many it is above, at and
-- below.

with user_metrics as (

    select * from {{ ref('user_metrics') }}
    where k in {{ in_list(var('comparison_ks')) }}

),

-- A user whom one of the two has no value for (null) is no part of the comparison.
tall as (

    from (
        unpivot user_metrics
        on {{ var('comparison_metrics') | join(', ') }}
        into name metric value value
    )
    select
        fold,
        model,
        user_key,
        k,
        metric,
        value

),

differences as (

    select
        tall.fold,
        tall.metric,
        tall.k,
        tall.model,
        baselines.model as baseline,
        -- What differs by less than the last bits is the same.
        round(tall.value - baselines.value, 12) as difference
    from tall
    inner join tall as baselines
        on
            tall.fold = baselines.fold
            and tall.metric = baselines.metric
            and tall.k = baselines.k
            and tall.user_key = baselines.user_key
            and tall.model <> baselines.model

),

final as (

    select
        fold,
        metric,
        k,
        model,
        baseline,
        count(*) as n_users,
        {{ exact_avg('difference', 24, 38) }} as difference,
        {{ exact_avg('difference * difference', 24, 38) }} as mean_square,
        count(*) filter (where difference > 0) as n_wins,
        count(*) filter (where difference = 0) as n_ties,
        count(*) filter (where difference < 0) as n_losses
    from differences
    group by fold, metric, k, model, baseline

)

select * from final
