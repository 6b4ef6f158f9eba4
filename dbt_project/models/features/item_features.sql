-- One row per fold and recommendable item: what is known of it at the cutoff. Windows are shares of
-- all likes in them, not counts: a ranker learns in one fold and serves in a larger one.

with folds as (

    select * from {{ ref('folds') }}

),

fold_items as (

    select * from {{ ref('fold_items') }}

),

items as (

    select * from {{ ref('items') }}

),

user_items as (

    select * from {{ ref('user_items') }}

),

train_interactions as (

    select * from {{ ref('train_interactions') }}

),

fold_sizes as (

    select
        fold,
        count(distinct user_key) as n_users
    from user_items
    group by fold

),

counted as (

    select
        user_items.fold,
        user_items.item_key,
        count(*) as n_users,
        cast(count_if(user_items.is_positive) as bigint) as n_positive_users,
        {{ exact_sum(
            'case when user_items.is_positive then '
            ~ half_life_decay(
                days_between('user_items.last_interaction_at', 'folds.cutoff_at'),
                var('trending_half_life_days')
            ) ~ ' end'
        ) }} as trending_score,
        min(user_items.last_interaction_at) as first_interaction_at
    from user_items
    inner join folds on user_items.fold = folds.fold
    group by user_items.fold, user_items.item_key

),

user_likes as (

    select
        fold,
        user_key,
        count(*) as n
    from user_items
    where is_positive
    group by fold, user_key

),

likes as (

    select
        user_items.fold,
        user_items.item_key,
        {{ days_between('user_items.last_interaction_at', 'folds.cutoff_at') }} as days_ago,
        -- Likes of a user are numbered newest first.
        user_likes.n - user_items.recency_rank < {{ var('newcomer_likes') }} as is_newcomers
    from user_items
    inner join folds on user_items.fold = folds.fold
    inner join user_likes
        on user_items.fold = user_likes.fold and user_items.user_key = user_likes.user_key
    where user_items.is_positive

),

in_windows as (

    select
        fold,
        item_key,
        count(*) as n,
        {%- for days in [1, 7, 30, 90] %}
        count(*) filter (where days_ago <= {{ days }}) as n_{{ days }}d,
        {%- endfor %}
        count(*) filter (where is_newcomers and days_ago <= 90) as n_newcomers_90d,
        min(days_ago) as days_since_last_like
    from likes
    group by fold, item_key

),

shares as (

    select
        fold,
        item_key,
        days_since_last_like,
        n / sum(n) over (partition by fold) as like_share,
        {%- for days in [1, 7, 30, 90] %}
        n_{{ days }}d / nullif(sum(n_{{ days }}d) over (partition by fold), 0)
            as like_share_{{ days }}d,
        {%- endfor %}
        n_newcomers_90d / nullif(sum(n_newcomers_90d) over (partition by fold), 0)
            as newcomer_like_share_90d,
        -- One more like each, so that the step from 0 to 1 is no trend.
        {{ like_trend('n_1d', 'n_7d') }} as like_trend_1d_7d,
        {{ like_trend('n_7d', 'n_30d') }} as like_trend_7d_30d,
        {{ like_trend('n_30d', 'n_90d') }} as like_trend_30d_90d
    from in_windows

),

valued as (

    select
        fold,
        item_key,
        count(value) as n_values,
        {{ exact_sum('value', 6, 38) }} as total_value
    from train_interactions
    group by fold, item_key

),

mean_values as (

    select
        fold,
        sum(total_value) / nullif(sum(n_values), 0) as mean_value
    from (
        select
            fold,
            n_values,
            -- Decimals add exactly, in whatever order.
            cast(total_value as decimal(38, 6)) as total_value
        from valued
    ) as exact
    group by fold

),

final as (

    select
        fold_items.fold,
        fold_items.item_key,
        coalesce(counted.n_users, 0) as n_users,
        coalesce(counted.n_positive_users, 0) as n_positive_users,
        coalesce(counted.trending_score, 0.0) as trending_score,
        coalesce(counted.n_users, 0) / coalesce(fold_sizes.n_users, 1) as user_share,
        percent_rank() over (
            partition by fold_items.fold order by coalesce(counted.n_users, 0)
        ) as popularity_percentile,
        {{ days_between(
            'least(items.available_from, counted.first_interaction_at)', 'folds.cutoff_at'
        ) }} as age_days,
        {{ days_between('items.available_from', 'folds.cutoff_at') }} as days_since_release,
        {{ days_between('counted.first_interaction_at', 'folds.cutoff_at') }}
            as days_since_first_interaction,
        shares.days_since_last_like,
        coalesce(shares.like_share, 0.0) as like_share,
        {%- for days in [1, 7, 30, 90] %}
        coalesce(shares.like_share_{{ days }}d, 0.0) as like_share_{{ days }}d,
        {%- endfor %}
        coalesce(shares.newcomer_like_share_90d, 0.0) as newcomer_like_share_90d,
        {%- for windows in ['1d_7d', '7d_30d', '30d_90d'] %}
        coalesce(shares.like_trend_{{ windows }}, 0.0) as like_trend_{{ windows }},
        {%- endfor %}
        -- A share of few is drawn towards one half, a mean of few towards that of all.
        (coalesce(counted.n_positive_users, 0) + 0.5 * {{ var('value_shrinkage') }})
        / (coalesce(counted.n_users, 0) + {{ var('value_shrinkage') }}) as like_rate,
        coalesce(valued.n_values, 0) as n_values,
        (coalesce(valued.total_value, 0.0) + {{ var('value_shrinkage') }} * mean_values.mean_value)
        / (coalesce(valued.n_values, 0) + {{ var('value_shrinkage') }}) as mean_value
    from fold_items
    inner join folds on fold_items.fold = folds.fold
    inner join items on fold_items.item_key = items.item_key
    left join fold_sizes on fold_items.fold = fold_sizes.fold
    left join counted
        on fold_items.fold = counted.fold and fold_items.item_key = counted.item_key
    left join shares
        on fold_items.fold = shares.fold and fold_items.item_key = shares.item_key
    left join valued
        on fold_items.fold = valued.fold and fold_items.item_key = valued.item_key
    left join mean_values on fold_items.fold = mean_values.fold

)

select * from final
