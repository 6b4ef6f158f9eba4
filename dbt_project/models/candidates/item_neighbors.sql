{{ config(materialized='by_fold', refitted=true) }}

-- One row per fold, item and neighbour: how often two items are liked by the same users within a
-- window of likes, set against how often each is liked at all (item kNN; Sarwar et al. 2001).

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
        {{ half_life_decay(
            days_between('user_items.last_interaction_at', 'folds.cutoff_at'),
            var('cooccurrence_half_life_days')
        ) }} as weight
    from user_items
    inner join folds on user_items.fold = folds.fold
    where user_items.is_positive

),

item_totals as (

    select
        fold,
        item_key,
        {{ exact_sum('weight') }} as weight
    from likes
    group by fold, item_key

),

fold_totals as (

    select
        fold,
        count(distinct user_key) as n_users
    from likes
    group by fold

),

-- Each pair once; the weight of a pair is that of its older like.
pairs as (

    select
        older.fold,
        least(older.item_key, newer.item_key) as item_key,
        greatest(older.item_key, newer.item_key) as neighbor_item_key,
        {{ exact_sum('older.weight') }} as weight
    from likes as older
    inner join likes as newer
        on
            older.fold = newer.fold
            and older.user_key = newer.user_key
            and older.recency_rank > newer.recency_rank
            and older.recency_rank <= newer.recency_rank + {{ sized('cooccurrence_window') }}
    group by all

),

both_ways as (

    select
        fold,
        item_key,
        neighbor_item_key,
        weight
    from pairs
    union all
    select
        fold,
        neighbor_item_key as item_key,
        item_key as neighbor_item_key,
        weight
    from pairs

),

scored as (

    select
        both_ways.fold,
        both_ways.item_key,
        both_ways.neighbor_item_key,
        both_ways.weight,
        {% if var('cooccurrence_normalization') == 'cosine' -%}
        both_ways.weight
        / (sqrt(own.weight * neighbor.weight) + {{ var('cooccurrence_shrinkage') }}) as score
        {%- else -%}
        both_ways.weight * fold_totals.n_users
        / (own.weight * neighbor.weight + {{ var('cooccurrence_shrinkage') }} * fold_totals.n_users)
            as score
        {%- endif %}
    from both_ways
    inner join item_totals as own
        on both_ways.fold = own.fold and both_ways.item_key = own.item_key
    inner join item_totals as neighbor
        on
            both_ways.fold = neighbor.fold
            and both_ways.neighbor_item_key = neighbor.item_key
    inner join fold_totals on both_ways.fold = fold_totals.fold

),

final as (

    {{ top_neighbors('scored', sized('cooccurrence_neighbors')) | indent(4) }}

)

select * from final
