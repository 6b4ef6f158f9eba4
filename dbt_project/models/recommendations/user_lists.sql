-- One row per fold, user and place in the list that is served. The ranker's first
-- recommendations_k; where it has too few, the trend fills up.

with fold_users as (

    select * from {{ ref('fold_users') }}

),

served_candidates as (

    select * from {{ ref('served_candidates') }}

),

item_features as (

    select * from {{ ref('item_features') }}

),

user_items as (

    select * from {{ ref('user_items') }}

),

n_met as (

    select
        fold,
        user_key,
        count(*) as n_items
    from user_items
    group by fold, user_key

),

ranked as (

    select
        fold,
        user_key,
        item_key,
        score,
        rank
    from served_candidates
    where rank <= {{ var('recommendations_k') }}

),

short_lists as (

    select
        fold_users.fold,
        fold_users.user_key,
        count(ranked.item_key) as n_ranked,
        coalesce(any_value(n_met.n_items), 0) as n_met
    from fold_users
    left join ranked
        on fold_users.fold = ranked.fold and fold_users.user_key = ranked.user_key
    left join n_met
        on fold_users.fold = n_met.fold and fold_users.user_key = n_met.user_key
    group by fold_users.fold, fold_users.user_key
    having count(ranked.item_key) < {{ var('recommendations_k') }}

),

by_trend as (

    select
        fold,
        item_key,
        row_number() over (
            partition by fold order by trending_score desc, n_users desc, item_key
        ) as place
    from item_features

),

-- An item further down than what a user has met or been given already is never reached.
fillers as (

    select
        short_lists.fold,
        short_lists.user_key,
        by_trend.item_key,
        short_lists.n_ranked + row_number() over (
            partition by short_lists.fold, short_lists.user_key order by by_trend.place
        ) as rank
    from short_lists
    inner join by_trend
        on
            short_lists.fold = by_trend.fold
            and by_trend.place
            <= short_lists.n_met + short_lists.n_ranked + {{ var('recommendations_k') }}
    anti join user_items
        on
            short_lists.fold = user_items.fold
            and short_lists.user_key = user_items.user_key
            and by_trend.item_key = user_items.item_key
    anti join ranked
        on
            short_lists.fold = ranked.fold
            and short_lists.user_key = ranked.user_key
            and by_trend.item_key = ranked.item_key
    qualify rank <= {{ var('recommendations_k') }}

),

final as (

    select
        fold,
        user_key,
        item_key,
        score,
        rank,
        false as is_filler
    from ranked
    union all
    select
        fold,
        user_key,
        item_key,
        0.0 as score,
        cast(rank as integer) as rank,
        true as is_filler
    from fillers

)

select * from final
