{{ config(materialized='by_fold', enabled='cooccurrence' in active_sources()) }}

-- One row per fold, user and proposed item: the neighbours of what the user liked last, newer
-- likes weighing more.

with fold_users as (

    select * from {{ ref('fold_users') }}
    where {{ in_current_fold() }}

),

fold_items as (

    select * from {{ ref('fold_items') }}
    where {{ in_current_fold() }}

),

user_items as (

    select * from {{ ref('user_items') }}
    where {{ in_current_fold() }}

),

item_neighbors as (

    select * from {{ ref('item_neighbors') }}
    where {{ in_current_fold() }}

),

last_likes as (

    select
        user_items.fold,
        user_items.user_key,
        user_items.item_key,
        power({{ var('cooccurrence_history_decay') }}, user_items.recency_rank - 1) as weight
    from user_items
    semi join fold_users using (fold, user_key)
    where
        user_items.is_positive
        and user_items.recency_rank <= {{ var('cooccurrence_history') }}

),

scored as (

    select
        last_likes.fold,
        last_likes.user_key,
        item_neighbors.neighbor_item_key as item_key,
        {{ exact_sum('last_likes.weight * item_neighbors.score', 12) }} as score
    from last_likes
    inner join item_neighbors
        on
            last_likes.fold = item_neighbors.fold
            and last_likes.item_key = item_neighbors.item_key
    group by all

),

final as (

    select
        scored.fold,
        cast('cooccurrence' as varchar) as source,
        scored.user_key,
        scored.item_key,
        scored.score,
        cast(
            row_number() over (
                partition by scored.fold, scored.user_key
                order by scored.score desc, scored.item_key
            ) as integer
        ) as rank
    from scored
    semi join fold_items using (fold, item_key)
    anti join user_items using (fold, user_key, item_key)
    qualify rank <= {{ var('cooccurrence_k') }}

)

select * from final
