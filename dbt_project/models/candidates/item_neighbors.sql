{{ config(materialized='by_fold', refitted=true, in_blocks_of_items='item_pairs') }}

-- One row per fold, item and neighbour: how often two items are liked by the same users within a
-- window of likes, set against how often each is liked at all (item kNN; Sarwar et al. 2001).

with item_pairs as (

    select * from {{ ref('item_pairs') }}
    where {{ in_current_fold() }}

),

{% if var('cooccurrence_normalization') != 'cosine' -%}
user_items as (

    select * from {{ ref('user_items') }}
    where {{ in_current_fold() }}

),

fold_totals as (

    select
        fold,
        count(distinct user_key) as n_users
    from user_items
    where is_positive
    group by fold

),

{% endif -%}
item_totals as (

    select
        fold,
        item_key,
        weight
    from item_pairs
    where item_key = neighbor_item_key

),

both_ways as (

    select
        fold,
        item_key,
        neighbor_item_key,
        weight
    from item_pairs
    where item_key < neighbor_item_key and {{ in_current_items('item_key') }}
    union all
    select
        fold,
        neighbor_item_key as item_key,
        item_key as neighbor_item_key,
        weight
    from item_pairs
    where item_key < neighbor_item_key and {{ in_current_items('neighbor_item_key') }}

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
    -- Every item has a total. Left joins keep their order; of two inner ones DuckDB may join the
    -- totals first, to all pairs of items.
    from both_ways
    left join item_totals as own
        on both_ways.fold = own.fold and both_ways.item_key = own.item_key
    left join item_totals as neighbor
        on
            both_ways.fold = neighbor.fold
            and both_ways.neighbor_item_key = neighbor.item_key
    {%- if var('cooccurrence_normalization') != 'cosine' %}
    inner join fold_totals on both_ways.fold = fold_totals.fold
    {%- endif %}

),

final as (

    {{ top_neighbors('scored', sized('cooccurrence_neighbors')) | indent(4) }}

)

select * from final
