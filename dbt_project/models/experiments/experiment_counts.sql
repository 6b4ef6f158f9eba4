-- One row per experiment and variant: the users who are in it alone, and, of the experiment, those
-- who were given several variants and count in none.

with experiment_assignments as (

    select * from {{ ref('experiment_assignments') }}

),

of_users as (

    select
        experiment,
        user_key,
        count(*) as n_variants
    from experiment_assignments
    group by experiment, user_key

),

in_several as (

    select
        experiment,
        count(*) filter (where n_variants > 1) as n_users_in_several
    from of_users
    group by experiment

),

final as (

    select
        experiment_assignments.experiment,
        experiment_assignments.variant,
        count(*) filter (where of_users.n_variants = 1) as n_users,
        any_value(in_several.n_users_in_several) as n_users_in_several
    from experiment_assignments
    inner join of_users
        on
            experiment_assignments.experiment = of_users.experiment
            and experiment_assignments.user_key = of_users.user_key
    inner join in_several on experiment_assignments.experiment = in_several.experiment
    group by experiment_assignments.experiment, experiment_assignments.variant

)

select * from final
