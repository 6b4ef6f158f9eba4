-- One row per fold, segment of users and item: how much the people of the segment like it, against
-- everybody. A segment's share of likes is drawn towards everybody's by segment_shrinkage likes, so
-- that a segment of three people has no taste of its own.

with user_items as (

    select * from {{ ref('user_items') }}

),

user_features as (

    select * from {{ ref('user_features') }}

),

item_features as (

    select * from {{ ref('item_features') }}

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

shrunk as (

    select
        segments.fold,
        segments.segment,
        shares.item_key,
        shares.share,
        (coalesce(likes.n_likes, 0) + {{ var('segment_shrinkage') }} * shares.share)
        / (segments.n_likes + {{ var('segment_shrinkage') }}) as like_share
    from segments
    inner join shares on segments.fold = shares.fold
    left join likes
        on
            segments.fold = likes.fold
            and segments.segment = likes.segment
            and shares.item_key = likes.item_key

),

final as (

    select
        fold,
        segment,
        item_key,
        like_share,
        ln(like_share / share) as affinity
    from shrunk
    -- Without shrinkage what a segment never liked has none.
    where like_share > 0

)

select * from final
