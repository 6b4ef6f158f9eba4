-- One row per experiment and variant: the users who are in it alone, and, of the experiment, those
-- who were given several variants and count in none.

with assigned_users as (

    select * from {{ ref('assigned_users') }}

),

of_users as (

    select
        experiment,
        user_key,
        count(*) as n_variants
    from assigned_users
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
        assigned_users.experiment,
        assigned_users.variant,
        count(*) filter (where of_users.n_variants = 1) as n_users,
        any_value(in_several.n_users_in_several) as n_users_in_several
    from assigned_users
    inner join of_users
        on
            assigned_users.experiment = of_users.experiment
            and assigned_users.user_key = of_users.user_key
    inner join in_several on assigned_users.experiment = in_several.experiment
    group by assigned_users.experiment, assigned_users.variant

)

select * from final
