{{ config(materialized='by_fold', in_blocks_of_users=true) }}

-- One row per fold, user and item served: the source that speaks most for it, and what can truly be
-- said of it. A like that it is tied to comes first; then what the source itself claims, if it
-- holds; then the trend, the user's segment, everybody.

with user_lists as (

    select * from {{ ref('user_lists') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

list_sources as (

    select * from {{ ref('list_sources') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

list_reason_items as (

    select * from {{ ref('list_reason_items') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

item_features as (

    select * from {{ ref('item_features') }}
    where {{ in_current_fold() }}

),

-- A source with a tie, then the one that ranks the item best; of those that rank it alike, the
-- more specific. An answer in a survey is a tie of its own.
best_sources as (

    select
        list_sources.fold,
        list_sources.user_key,
        list_sources.item_key,
        list_sources.source,
        list_sources.rank,
        list_reason_items.reason_item_key,
        list_reason_items.reason_item_key is not null
        or (list_sources.source = 'survey' and list_sources.rank <= {{ var('reason_max_rank') }})
            as is_tied
    from list_sources
    left join list_reason_items
        on
            list_sources.fold = list_reason_items.fold
            and list_sources.user_key = list_reason_items.user_key
            and list_sources.item_key = list_reason_items.item_key
            and list_sources.source = list_reason_items.source
    qualify row_number() over (
        partition by list_sources.fold, list_sources.user_key, list_sources.item_key
        order by
            is_tied desc,
            list_sources.rank,
            case list_sources.source
                when 'popular' then 3
                when 'trending' then 2
                when 'popular_in_segment' then 1
                else 0
            end,
            list_sources.source
    ) = 1

),

-- What is said of everybody is said of so many items, the first of each order.
known_items as (

    select
        fold,
        item_key,
        n_positive_users / sum(n_positive_users) over (partition by fold) as share,
        trending_score > 0 and row_number() over (
            partition by fold order by trending_score desc, n_users desc, item_key
        ) <= {{ var('reason_top_items') }} as is_trending,
        n_positive_users > 0 and row_number() over (
            partition by fold order by n_positive_users desc, item_key
        ) <= {{ var('reason_top_items') }} as is_popular
    from item_features

),

popular_from as (

    select
        fold,
        min(share) as share
    from known_items
    where is_popular
    group by fold

),

-- The segment likes it more than everybody does, and as much as everybody likes what is popular.
popular_in_segments as (

    select
        list_sources.fold,
        list_sources.user_key,
        list_sources.item_key
    from list_sources
    inner join known_items
        on
            list_sources.fold = known_items.fold
            and list_sources.item_key = known_items.item_key
            -- Of a segment of everybody the two are the same, but for their last bits.
            and round(list_sources.score, 12) > round(known_items.share, 12)
    inner join popular_from
        on
            list_sources.fold = popular_from.fold
            and list_sources.score >= popular_from.share
    where list_sources.source = 'popular_in_segment'

),

claims as (

    select
        user_lists.fold,
        user_lists.user_key,
        user_lists.item_key,
        coalesce(
            best_sources.source, '{{ 'trending' if has_event_times() else 'popular' }}'
        ) as source,
        best_sources.rank,
        best_sources.reason_item_key,
        coalesce(best_sources.is_tied, false) as is_tied,
        {{ 'known_items.is_trending' if has_event_times() else 'false' }} as is_trending,
        known_items.is_popular,
        popular_in_segments.item_key is not null as is_popular_in_segment
    from user_lists
    inner join known_items
        on
            user_lists.fold = known_items.fold
            and user_lists.item_key = known_items.item_key
    left join best_sources
        on
            user_lists.fold = best_sources.fold
            and user_lists.user_key = best_sources.user_key
            and user_lists.item_key = best_sources.item_key
    left join popular_in_segments
        on
            user_lists.fold = popular_in_segments.fold
            and user_lists.user_key = popular_in_segments.user_key
            and user_lists.item_key = popular_in_segments.item_key

),

final as (

    select
        fold,
        user_key,
        item_key,
        source,
        case
            when is_tied then source
            when source = 'popular_in_segment' and is_popular_in_segment then source
            when source = 'popular' and is_popular then source
            when is_trending then 'trending'
            when is_popular_in_segment then 'popular_in_segment'
            when is_popular then 'popular'
            when
                source not in ('popular', 'trending', 'popular_in_segment')
                and rank <= {{ var('reason_max_rank') }}
                then source
            else 'new_to_user'
        end as evidence,
        reason_item_key
    from claims

)

select * from final
