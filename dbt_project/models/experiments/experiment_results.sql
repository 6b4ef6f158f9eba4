-- One row per experiment, metric, segment of users, day since they were assigned (null: all days),
-- variant and adjustment: what the variant changes, against the control.

with experiment_estimates as (

    select * from {{ ref('experiment_estimates') }}

),

final as (

    select
        experiment,
        metric,
        segment_kind,
        segment,
        day,
        variant,
        control,
        adjustment,
        n_users,
        n_users_control,
        value,
        value_control,
        effect,
        ci_low,
        ci_high,
        p_value,
        relative_effect,
        relative_ci_low,
        relative_ci_high,
        sequential_ci_low,
        sequential_ci_high,
        variance_reduction
    from experiment_estimates

)

select * from final
