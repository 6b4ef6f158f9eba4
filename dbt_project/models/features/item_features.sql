-- One row per fold and recommendable item: what is known of it at the cutoff.

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
        ) }} as age_days
    from fold_items
    inner join folds on fold_items.fold = folds.fold
    inner join items on fold_items.item_key = items.item_key
    left join fold_sizes on fold_items.fold = fold_sizes.fold
    left join counted
        on fold_items.fold = counted.fold and fold_items.item_key = counted.item_key

)

select * from final
