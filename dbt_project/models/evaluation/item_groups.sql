-- One row per fold, item and group that it is in, by popularity and by each kind of attribute in
-- exposure_kinds; an item in several groups of a kind is split evenly among them.
--
-- Tiers of popularity as in Abdollahpouri et al. (2019): `head`, the fewest items that people met
-- in a fifth of all meetings; `tail`, the most items that make up another fifth; `mid` between
-- them; and `cold`, what nobody has met.

with item_features as (

    select * from {{ ref('item_features') }}

),

item_attributes as (

    select * from {{ ref('item_attributes') }}

),

running as (

    select
        fold,
        item_key,
        n_users,
        -- The share of all meetings that items before this one have, the most popular first.
        (sum(n_users) over by_popularity - n_users)
        / nullif(sum(n_users) over (partition by fold), 0) as share_before
    from item_features
    window by_popularity as (
        partition by fold order by n_users desc, item_key rows unbounded preceding
    )

),

final as (

    select
        fold,
        item_key,
        'popularity_tier' as group_kind,
        case
            when n_users = 0 then 'cold'
            when share_before < 0.2 then 'head'
            when share_before < 0.8 then 'mid'
            else 'tail'
        end as item_group,
        1.0 as share
    from running
    union all
    select
        item_features.fold,
        item_features.item_key,
        item_attributes.kind as group_kind,
        item_attributes.attribute as item_group,
        1.0 / count(*) over (
            partition by item_features.fold, item_features.item_key, item_attributes.kind
        ) as share
    from item_features
    inner join item_attributes on item_features.item_key = item_attributes.item_key
    where item_attributes.kind in {{ in_list(var('exposure_kinds')) }}

)

select * from final
