-- One row per fold, user and item served that has a neighbour among the user's last likes: the one
-- that a reason names. By score alone it would be the user's best known like, over and over; set
-- against the item's place among that like's neighbours, it is the like that speaks for this item.

with user_lists as (

    select * from {{ ref('user_lists') }}

),

user_items as (

    select * from {{ ref('user_items') }}

),

item_neighbors as (

    select * from {{ ref('item_neighbors') }}

),

last_likes as (

    select
        user_items.fold,
        user_items.user_key,
        user_items.item_key,
        user_items.recency_rank
    from user_items
    where
        user_items.is_positive
        and user_items.recency_rank <= {{ var('cooccurrence_history') }}

),

final as (

    select
        user_lists.fold,
        user_lists.user_key,
        user_lists.item_key,
        last_likes.item_key as reason_item_key
    from user_lists
    inner join last_likes
        on user_lists.fold = last_likes.fold and user_lists.user_key = last_likes.user_key
    inner join item_neighbors
        on
            user_lists.fold = item_neighbors.fold
            and last_likes.item_key = item_neighbors.item_key
            and user_lists.item_key = item_neighbors.neighbor_item_key
    qualify row_number() over (
        partition by user_lists.fold, user_lists.user_key, user_lists.item_key
        order by
            item_neighbors.score / item_neighbors.rank desc,
            last_likes.recency_rank,
            last_likes.item_key
    ) = 1

)

select * from final
