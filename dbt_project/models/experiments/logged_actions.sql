-- One row per impression of which it is known what chose the item and how likely it did: what
-- another policy may be judged by. They fall into off_policy_parts parts, so that what is thought
-- of an item is never learned from the event that it is held against.

with shown_items as (

    select * from {{ ref('shown_items') }}

),

shuffled as (

    select
        *,
        md5_number(concat_ws(' ', user_key, item_key, position, policy, placement, shown_at))
            as draw
    from shown_items
    where policy is not null and propensity > 0

),

final as (

    select
        coalesce(placement, 'all') as placement,
        policy as logging_policy,
        user_key,
        item_key,
        coalesce(position, 1) as position,
        propensity,
        cast(clicked as double) as reward,
        cast(
            row_number() over (order by draw, user_key, item_key, clicked)
            % {{ var('off_policy_parts') }} as integer
        ) as part
    from shuffled

)

select * from final
