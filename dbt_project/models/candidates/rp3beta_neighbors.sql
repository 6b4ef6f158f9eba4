{{ config(materialized='by_fold', refitted=true, enabled='rp3beta' in active_sources()) }}

-- One row per fold, item and neighbour: how likely a walk from an item to someone who likes it and
-- on to something else that they like ends there, held back by popularity (RP3beta; Paudel et al.,
-- Updatable, Accurate, Diverse, and Scalable Recommendations for Interactive Applications, 2016).

with user_items as (

    select * from {{ ref('user_items') }}
    where {{ in_current_fold() }}

),

-- The last rp3beta_max_history likes of each user: pairs are as many as their square.
likes as (

    select
        fold,
        user_key,
        item_key
    from user_items
    where is_positive and recency_rank <= {{ sized('rp3beta_max_history') }}

),

user_totals as (

    select
        fold,
        user_key,
        count(*) as n_likes
    from likes
    group by fold, user_key

),

item_totals as (

    select
        fold,
        item_key,
        count(*) as n_likes
    from likes
    group by fold, item_key

),

-- From a user, every like is as likely as the next.
from_users as (

    select
        likes.fold,
        likes.user_key,
        likes.item_key,
        power(1.0 / user_totals.n_likes, {{ var('rp3beta_alpha') }}) as probability
    from likes
    inner join user_totals
        on likes.fold = user_totals.fold and likes.user_key = user_totals.user_key

),

-- The second step weighs the same both ways, so each pair is met once.
pairs as (

    select
        one.fold,
        one.item_key,
        other.item_key as neighbor_item_key,
        {{ exact_sum('one.probability', 12) }} as probability
    from from_users as one
    inner join from_users as other
        on
            one.fold = other.fold
            and one.user_key = other.user_key
            and one.item_key < other.item_key
    group by all

),

both_ways as (

    select
        fold,
        item_key,
        neighbor_item_key,
        probability
    from pairs
    union all
    select
        fold,
        neighbor_item_key as item_key,
        item_key as neighbor_item_key,
        probability
    from pairs

),

scored as (

    select
        both_ways.fold,
        both_ways.item_key,
        both_ways.neighbor_item_key,
        both_ways.probability * power(1.0 / own.n_likes, {{ var('rp3beta_alpha') }}) as weight,
        weight / power(neighbor.n_likes, {{ var('rp3beta_beta') }}) as score
    -- Every item has a total. Left joins keep their order; of two inner ones DuckDB may join the
    -- totals first, to all pairs of items.
    from both_ways
    left join item_totals as own
        on both_ways.fold = own.fold and both_ways.item_key = own.item_key
    left join item_totals as neighbor
        on
            both_ways.fold = neighbor.fold
            and both_ways.neighbor_item_key = neighbor.item_key

),

final as (

    {{ top_neighbors('scored', sized('rp3beta_neighbors')) | indent(4) }}

)

select * from final
