{{ config(materialized='view') }}

-- One row per fold, segment and item that anybody likes: how much people of the segment like it.
-- Their share of likes is drawn towards everybody's by segment_shrinkage likes, so that a segment
-- of three people has no taste of its own.

with user_items as (

    select * from {{ ref('user_items') }}
    where {{ in_current_fold() }}

),

user_features as (

    select * from {{ ref('user_features') }}
    where {{ in_current_fold() }}

),

item_features as (

    select * from {{ ref('item_features') }}
    where {{ in_current_fold() }}

),

likes as (

    select
        user_items.fold,
        user_features.segment,
        user_items.item_key,
        count(*) as n_likes
    from user_items
    inner join user_features
        on
            user_items.fold = user_features.fold
            and user_items.user_key = user_features.user_key
    where user_items.is_positive and user_features.segment is not null
    group by user_items.fold, user_features.segment, user_items.item_key

),

segments as (

    select
        fold,
        segment,
        sum(n_likes) as n_likes
    from likes
    group by fold, segment

),

shares as (

    select
        fold,
        item_key,
        n_positive_users / sum(n_positive_users) over (partition by fold) as share
    from item_features
    where n_positive_users > 0

),

final as (

    select
        segments.fold,
        segments.segment,
        shares.item_key,
        (coalesce(likes.n_likes, 0) + {{ var('segment_shrinkage') }} * shares.share)
        / (segments.n_likes + {{ var('segment_shrinkage') }}) as score
    from segments
    inner join shares on segments.fold = shares.fold
    left join likes
        on
            segments.fold = likes.fold
            and segments.segment = likes.segment
            and shares.item_key = likes.item_key

)

select * from final
