{{ config(
    materialized='by_fold',
    refitted=true,
    in_blocks_of_items='transitions_window',
    enabled='transitions' in active_sources()
) }}

-- One row per fold, item and item liked soon after it, the sooner the more: a Markov chain with
-- skips. What is popular follows everything, so both ends are damped by their popularity.

with user_items as (

    select * from {{ ref('user_items') }}
    where {{ in_current_fold() }}

),

likes as (

    select
        fold,
        user_key,
        item_key,
        recency_rank,
        recency_rank // {{ var('transitions_window') }} as run
    from user_items
    where is_positive

),

-- What comes within the window of a like is in its own run of as many likes or in the next: of
-- somebody with very many likes not all pairs are looked at.
nearby as (

    select
        *,
        run + unnest([-1, 0]) as near_run
    from likes
    where {{ in_current_items('item_key') }}

),

item_totals as (

    select
        fold,
        item_key,
        count(*) as n_likes
    from likes
    group by fold, item_key

),

steps as (

    select
        earlier.fold,
        earlier.item_key,
        later.item_key as neighbor_item_key,
        {{ exact_sum('1.0 / (earlier.recency_rank - later.recency_rank)') }} as weight
    from nearby as earlier
    inner join likes as later
        on
            earlier.fold = later.fold
            and earlier.user_key = later.user_key
            and earlier.near_run = later.run
            and earlier.recency_rank > later.recency_rank
            and earlier.recency_rank <= later.recency_rank + {{ var('transitions_window') }}
    group by all

),

scored as (

    select
        steps.fold,
        steps.item_key,
        steps.neighbor_item_key,
        steps.weight,
        steps.weight
        / (
            power(own.n_likes, {{ var('transitions_source_beta') }})
            * power(neighbor.n_likes, {{ var('transitions_beta') }})
        ) as score
    -- Every item has a total. Left joins keep their order; of two inner ones DuckDB may join the
    -- totals first, to all pairs of items.
    from steps
    left join item_totals as own
        on steps.fold = own.fold and steps.item_key = own.item_key
    left join item_totals as neighbor
        on steps.fold = neighbor.fold and steps.neighbor_item_key = neighbor.item_key

),

final as (

    {{ top_neighbors('scored', sized('transitions_neighbors')) | indent(4) }}

)

select * from final
