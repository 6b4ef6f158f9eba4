{{ config(materialized='by_fold', refitted=true, in_blocks_of_items='cooccurrence_window') }}

-- One row per fold and two items, the lower key first: how often they are liked by the same users
-- within a window of likes. An item with itself: how often it is liked.

with folds as (

    select * from {{ ref('folds') }}
    where {{ in_current_fold() }}

),

user_items as (

    select * from {{ ref('user_items') }}
    where {{ in_current_fold() }}

),

likes as (

    select
        user_items.fold,
        user_items.user_key,
        user_items.item_key,
        user_items.recency_rank,
        user_items.recency_rank // {{ sized('cooccurrence_window') }} as run,
        {{ half_life_decay(
            days_between('user_items.last_interaction_at', 'folds.cutoff_at'),
            var('cooccurrence_half_life_days')
        ) }} as weight
    from user_items
    inner join folds on user_items.fold = folds.fold
    where user_items.is_positive

),

-- What is within the window of a like is in its own run of as many likes or in one beside it: of
-- somebody with very many likes not all pairs are looked at.
nearby as (

    select
        *,
        run + unnest([-1, 0, 1]) as near_run
    from likes
    where {{ in_current_items('item_key') }}

),

-- The weight of a pair is that of its older like.
pairs as (

    select
        one.fold,
        one.item_key,
        other.item_key as neighbor_item_key,
        {{ exact_sum(
            'if(one.recency_rank > other.recency_rank, one.weight, other.weight)'
        ) }} as weight
    from nearby as one
    inner join likes as other
        on
            one.fold = other.fold
            and one.user_key = other.user_key
            and one.near_run = other.run
            and one.item_key < other.item_key
            and abs(one.recency_rank - other.recency_rank) <= {{ sized('cooccurrence_window') }}
    group by all

),

final as (

    select
        fold,
        item_key,
        neighbor_item_key,
        weight
    from pairs
    union all
    select
        fold,
        item_key,
        item_key as neighbor_item_key,
        {{ exact_sum('weight') }} as weight
    from likes
    where {{ in_current_items('item_key') }}
    group by fold, item_key

)

select * from final
