-- One row per item shown to a user, where the owner logs what was shown.

with users as (

    select * from {{ ref('users') }}

),

items as (

    select * from {{ ref('items') }}

),

staged as (

    select * from {{ staged('impressions') }}

),

final as (

    select
        users.user_key,
        items.item_key,
        staged.shown_at,
        staged.placement,
        staged.position,
        staged.policy,
        staged.propensity,
        coalesce(staged.clicked, false) as clicked,
        staged.dwell_seconds
    from staged
    inner join users on staged.user_id = users.user_id
    inner join items on staged.item_id = items.item_id

)

select * from final
