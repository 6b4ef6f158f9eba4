{{ config(materialized='by_fold') }}

-- One row per evaluated fold, model, user and rank: how far the item is from those above it,
-- summed, and from how many. Adding up the ranks to k gives every pair of a list once.
-- Distance is 1 − Jaccard over categories; items without categories have none.

with ranked_lists as (

    select * from {{ ref('ranked_lists') }}
    where {{ in_current_fold() }}

),

item_attributes as (

    select * from {{ ref('item_attributes') }}

),

places as (

    select
        attribute,
        row_number() over (order by attribute) - 1 as place,
        count(*) over () as n_places
    from (
        select distinct attribute from item_attributes
        where kind = 'category'
    ) as categories

),

-- An item's categories as a row of bits, one place a category.
category_bits as (

    select
        item_attributes.item_key,
        bit_or(
            set_bit(cast(repeat('0', places.n_places) as bit), cast(places.place as integer), 1)
        ) as bits
    from item_attributes
    inner join places on item_attributes.attribute = places.attribute
    where item_attributes.kind = 'category'
    group by item_attributes.item_key

),

-- Each list as one row: its pairs, thousands a user, are met one list at a time and never stored.
lists as (

    select
        ranked_lists.fold,
        ranked_lists.model,
        ranked_lists.user_key,
        list(ranked_lists.rank order by ranked_lists.rank) as ranks,
        list(category_bits.bits order by ranked_lists.rank) as all_bits
    from ranked_lists
    inner join category_bits on ranked_lists.item_key = category_bits.item_key
    group by ranked_lists.fold, ranked_lists.model, ranked_lists.user_key

),

listed as (

    select
        fold,
        model,
        user_key,
        all_bits,
        unnest(ranks) as rank,
        unnest(all_bits) as bits,
        unnest(range(len(ranks))) as n_above
    from lists

),

final as (

    select
        fold,
        model,
        user_key,
        rank,
        list_sum(
            list_transform(
                all_bits[1:n_above],
                lambda above:
                1.0 - cast(bit_count(above & bits) as double) / bit_count(above | bits)
            )
        ) as distance_above,
        n_above
    from listed
    where n_above > 0

)

select * from final
