-- One row per evaluated fold, model, user and rank: how far the item is from those above it,
-- summed, and from how many. Adding up the ranks to k gives every pair of a list once.
-- Distance is 1 − Jaccard over categories; items without categories have none.

with ranked_lists as (

    select * from {{ ref('ranked_lists') }}

),

item_attributes as (

    select * from {{ ref('item_attributes') }}

),

category_lists as (

    select
        item_key,
        list(attribute order by attribute) as categories
    from item_attributes
    where kind = 'category'
    group by item_key

),

-- Many items share one set of categories: distances are worked out between sets, once.
category_sets as (

    select
        categories,
        row_number() over (order by categories) as set_key
    from (select distinct categories from category_lists) as distinct_sets

),

distances as (

    select
        a.set_key,
        b.set_key as other_set_key,
        1.0 - len(list_intersect(a.categories, b.categories))
        / (
            len(a.categories) + len(b.categories)
            - len(list_intersect(a.categories, b.categories))
        ) as distance
    from category_sets as a
    cross join category_sets as b

),

listed as (

    select
        ranked_lists.fold,
        ranked_lists.model,
        ranked_lists.user_key,
        ranked_lists.rank,
        category_sets.set_key
    from ranked_lists
    inner join category_lists on ranked_lists.item_key = category_lists.item_key
    inner join category_sets on category_lists.categories = category_sets.categories

),

final as (

    select
        below.fold,
        below.model,
        below.user_key,
        below.rank,
        {{ exact_sum('distances.distance', 15) }} as distance_above,
        count(*) as n_above
    from listed as below
    inner join listed as above
        on
            below.fold = above.fold
            and below.model = above.model
            and below.user_key = above.user_key
            and below.rank > above.rank
    inner join distances
        on below.set_key = distances.set_key and above.set_key = distances.other_set_key
    group by below.fold, below.model, below.user_key, below.rank

)

select * from final
