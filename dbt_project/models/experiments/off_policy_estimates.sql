-- One row per placement, logging policy, policy and estimator: how often what the policy would show
-- is clicked, told from the log of another one before it is shown to anybody.

with off_policy_moments as (

    select * from {{ ref('off_policy_moments') }}

),

of_estimators as (

    -- Inverse propensity scoring (Horvitz, Thompson 1952): unbiased, and wide.
    select
        *,
        'ips' as estimator,
        sum_wr / n as value,
        sqrt(greatest(sum_wrwr / n - pow(sum_wr / n, 2), 0) / (n - 1)) as error
    from off_policy_moments
    union all
    -- Self-normalized (Swaminathan, Joachims 2015): the weights' own mean instead of n.
    select
        *,
        'snips' as estimator,
        sum_wr / sum_w as value,
        sqrt(greatest(
            sum_wrwr - 2 * sum_wr / sum_w * sum_wwr + pow(sum_wr / sum_w, 2) * sum_ww, 0
        )) / sum_w as error
    from off_policy_moments
    where sum_w > 0
    union all
    -- Direct method: what is thought of the items. Its error is that of the thought, not of chance.
    select
        *,
        'dm' as estimator,
        sum_v / n as value,
        cast(null as double) as error
    from off_policy_moments
    union all
    -- Doubly robust (Dudík, Langford, Li 2011): the thought, put right by the weighted events.
    select
        *,
        'dr' as estimator,
        sum_d / n as value,
        sqrt(greatest(sum_dd / n - pow(sum_d / n, 2), 0) / (n - 1)) as error
    from off_policy_moments

),

final as (

    select
        placement,
        logging_policy,
        policy,
        estimator,
        n as n_events,
        value,
        value - 1.96 * error as ci_low,
        value + 1.96 * error as ci_high,
        pow(sum_w, 2) / nullif(sum_ww, 0) as effective_sample_size,
        n_clipped / n as clipped_share,
        largest_weight,
        covered_share,
        observed_value,
        observed_value - 1.96 * sqrt(observed_value * (1 - observed_value) / n_observed)
            as observed_ci_low,
        observed_value + 1.96 * sqrt(observed_value * (1 - observed_value) / n_observed)
            as observed_ci_high
    from of_estimators
    where n > 1

)

select * from final
