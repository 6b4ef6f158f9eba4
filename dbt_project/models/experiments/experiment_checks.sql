-- One row per experiment and variant: did it get the users that it was to get? Where it did not,
-- what experiment_results says of it means nothing.

with sample_ratio_tests as (

    select * from {{ ref('sample_ratio_tests') }}

),

final as (

    select
        experiment,
        variant,
        n_users,
        share,
        expected_share,
        p_value,
        is_mismatch,
        n_users_in_several
    from sample_ratio_tests

)

select * from final
