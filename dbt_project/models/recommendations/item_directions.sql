{{ config(materialized='by_fold', enabled=vector_sources() | length > 0) }}

-- One row per fold, vector source and item: its vector, seen from that of the average like. Vectors
-- of one source have much in common, popularity above all, and any two liked items look alike. Seen
-- from there, two that people happen to like have a cosine about 0, whichever source it is.

with vectors as (

    select * from {{ ref('vectors') }}
    where {{ in_current_fold() }}

),

item_features as (

    select * from {{ ref('item_features') }}
    where {{ in_current_fold() }}

),

-- The last number of a two tower vector is the item's popularity itself.
item_vectors as (

    select
        fold,
        source,
        key as item_key,
        case when source = 'two_tower' then {{ all_but_last('vector') }} else vector end as vector
    from vectors
    where entity = 'item'

),

numbers as (

    select
        item_vectors.fold,
        item_vectors.source,
        item_features.n_positive_users,
        unnest(item_vectors.vector) as number,
        generate_subscripts(item_vectors.vector, 1) as place
    from item_vectors
    inner join item_features
        on
            item_vectors.fold = item_features.fold
            and item_vectors.item_key = item_features.item_key
    where item_features.n_positive_users > 0

),

means as (

    select
        fold,
        source,
        place,
        {{ exact_sum('n_positive_users * number', 9, 38) }} / sum(n_positive_users) as number
    from numbers
    group by fold, source, place

),

average_likes as (

    select
        fold,
        source,
        list(number order by place) as vector
    from means
    group by fold, source

),

final as (

    select
        item_vectors.fold,
        item_vectors.source,
        item_vectors.item_key,
        {{ vector_difference('item_vectors.vector', 'average_likes.vector') }} as vector
    from item_vectors
    inner join average_likes
        on
            item_vectors.fold = average_likes.fold
            and item_vectors.source = average_likes.source

)

select * from final
