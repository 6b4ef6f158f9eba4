-- One row per evaluated fold, metric, cutoff and pair of models, each way round: is the one better
-- than the other, on the same users?

with paired_tests as (

    select * from {{ ref('paired_tests') }}

),

final as (

    select
        fold,
        metric,
        k,
        model,
        baseline,
        n_users,
        difference,
        ci_low,
        ci_high,
        p_value,
        p_value_corrected,
        win_share,
        tie_share,
        loss_share
    from paired_tests

)

select * from final
