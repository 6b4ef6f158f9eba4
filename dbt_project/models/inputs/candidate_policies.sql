-- One row per policy, placement, position, user (null: all alike) and item: how likely a policy of
-- the owner's would show the item there, to be judged before it shows anything.

with users as (

    select * from {{ ref('users') }}

),

items as (

    select * from {{ ref('items') }}

),

staged as (

    select * from {{ staged('candidate_policies') }}

),

final as (

    select
        staged.policy,
        coalesce(staged.placement, 'all') as placement,
        coalesce(staged.position, 1) as position,
        users.user_key,
        items.item_key,
        sum(staged.probability) as probability
    from staged
    inner join items on staged.item_id = items.item_id
    left join users on staged.user_id = users.user_id
    where
        staged.policy is not null
        and staged.probability > 0
        -- Whoever is not known is not everybody.
        and (staged.user_id is null or users.user_key is not null)
    group by all

)

select * from final
