-- One row per experiment, user and variant: who was assigned to what, and when first.

with users as (

    select * from {{ ref('users') }}

),

staged as (

    select * from {{ staged('experiment_assignments') }}

),

final as (

    select
        staged.experiment,
        users.user_key,
        staged.variant,
        min(staged.assigned_at) as assigned_at
    from staged
    inner join users on staged.user_id = users.user_id
    where
        staged.experiment is not null
        and staged.variant is not null
        and staged.assigned_at is not null
    group by staged.experiment, users.user_key, staged.variant

)

select * from final
