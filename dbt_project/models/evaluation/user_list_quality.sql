-- One row per evaluated fold, model, user and cutoff: what the list is like, whatever the user
-- came to like. A user without a list has null here, and 0 in user_coverage.

with evaluated_users as (

    select * from {{ ref('evaluated_users') }}
    where segment_kind = 'all'

),

measured_cutoffs as (

    select * from {{ ref('measured_cutoffs') }}

),

ranked_lists as (

    select * from {{ ref('ranked_lists') }}

),

list_distances as (

    select * from {{ ref('list_distances') }}

),

list_calibration as (

    select * from {{ ref('list_calibration') }}

),

item_features as (

    select * from {{ ref('item_features') }}

),

folds as (

    select * from {{ ref('folds') }}

),

impressions as (

    select * from {{ ref('impressions') }}

),

fold_sizes as (

    select
        fold,
        count(*) as n_users
    from {{ ref('user_features') }}
    where not is_cold
    group by fold

),

item_facts as (

    select
        item_features.fold,
        item_features.item_key,
        -- An item that nobody has met counts as met by one: it is as novel as can be told.
        -log2(greatest(item_features.n_users, 1) / fold_sizes.n_users) as novelty,
        item_features.popularity_percentile,
        item_features.age_days
    from item_features
    inner join fold_sizes on item_features.fold = fold_sizes.fold

),

-- When a user was last shown an item before the cutoff.
last_exposures as (

    select
        folds.fold,
        impressions.user_key,
        impressions.item_key,
        {{ days_between('max(impressions.shown_at)', 'any_value(folds.cutoff_at)') }} as days_ago
    from impressions
    inner join folds on impressions.shown_at < folds.cutoff_at
    group by folds.fold, impressions.user_key, impressions.item_key

),

lists as (

    select
        ranked_lists.fold,
        ranked_lists.model,
        ranked_lists.user_key,
        measured_cutoffs.k,
        count(*) as n_items,
        {{ exact_avg('item_facts.novelty') }} as novelty,
        {{ exact_avg('item_facts.popularity_percentile') }} as popularity_bias,
        {{ exact_avg('item_facts.age_days', 6) }} as freshness,
        {{ exact_sum('list_distances.distance_above', 15, 38) }}
        / nullif(sum(list_distances.n_above), 0) as diversity,
        cast(bool_or(item_facts.age_days <= {{ var('new_item_days') }}) as double) as has_new_item,
        {{ exact_avg('last_exposures.days_ago', 6) }} as days_since_exposure
    from ranked_lists
    inner join measured_cutoffs
        on
            ranked_lists.fold = measured_cutoffs.fold
            and ranked_lists.model = measured_cutoffs.model
            and ranked_lists.rank <= measured_cutoffs.k
    inner join item_facts
        on
            ranked_lists.fold = item_facts.fold
            and ranked_lists.item_key = item_facts.item_key
    left join list_distances
        on
            ranked_lists.fold = list_distances.fold
            and ranked_lists.model = list_distances.model
            and ranked_lists.user_key = list_distances.user_key
            and ranked_lists.rank = list_distances.rank
    left join last_exposures
        on
            ranked_lists.fold = last_exposures.fold
            and ranked_lists.user_key = last_exposures.user_key
            and ranked_lists.item_key = last_exposures.item_key
    group by
        ranked_lists.fold,
        ranked_lists.model,
        ranked_lists.user_key,
        measured_cutoffs.k

),

final as (

    select
        evaluated_users.fold,
        measured_cutoffs.model,
        evaluated_users.user_key,
        measured_cutoffs.k,
        cast(coalesce(lists.n_items, 0) >= measured_cutoffs.k as double)
            as user_coverage,
        lists.diversity,
        lists.novelty,
        lists.popularity_bias,
        lists.freshness,
        list_calibration.calibration_kl,
        lists.has_new_item,
        lists.days_since_exposure
    from evaluated_users
    inner join measured_cutoffs on evaluated_users.fold = measured_cutoffs.fold
    left join lists
        on
            evaluated_users.fold = lists.fold
            and measured_cutoffs.model = lists.model
            and evaluated_users.user_key = lists.user_key
            and measured_cutoffs.k = lists.k
    left join list_calibration
        on
            evaluated_users.fold = list_calibration.fold
            and measured_cutoffs.model = list_calibration.model
            and evaluated_users.user_key = list_calibration.user_key
            and measured_cutoffs.k = list_calibration.k

)

select * from final
