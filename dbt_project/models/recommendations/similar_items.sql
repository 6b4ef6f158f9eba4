-- One row per item and rank: the items most like it. Items liked by the same people come first;
-- where those run out, popular items that share its categories.

with items as (

    select * from {{ ref('items') }}

),

fold_items as (

    select * from {{ ref('fold_items') }}
    where fold = 'live'

),

item_features as (

    select * from {{ ref('item_features') }}
    where fold = 'live'

),

item_neighbors as (

    select * from {{ ref('item_neighbors') }}
    where fold = 'live'

),

categories as (

    select * from {{ ref('item_attributes') }}
    where kind = 'category'

),

by_cooccurrence as (

    select
        item_neighbors.item_key,
        item_neighbors.neighbor_item_key,
        'cooccurrence' as source,
        item_neighbors.score
    from item_neighbors
    semi join fold_items on item_neighbors.neighbor_item_key = fold_items.item_key
    qualify row_number() over (
        partition by item_neighbors.item_key
        order by item_neighbors.score desc, item_neighbors.neighbor_item_key
    ) <= {{ var('similar_items_k') }}

),

short_lists as (

    select
        items.item_key,
        count(by_cooccurrence.neighbor_item_key) as n_neighbors
    from items
    left join by_cooccurrence on items.item_key = by_cooccurrence.item_key
    group by items.item_key
    having count(by_cooccurrence.neighbor_item_key) < {{ var('similar_items_k') }}

),

category_counts as (

    select
        item_key,
        count(*) as n_categories
    from categories
    group by item_key

),

-- Only the best known of each category are compared: everything else would be the whole
-- catalogue squared. Twice the length, since some are near already.
known_by_category as (

    select
        categories.attribute,
        categories.item_key,
        item_features.n_users
    from categories
    inner join item_features on categories.item_key = item_features.item_key
    qualify row_number() over (
        partition by categories.attribute order by item_features.n_users desc, categories.item_key
    ) <= 2 * {{ var('similar_items_k') }} + 1

),

known as (

    select distinct
        item_key,
        n_users
    from known_by_category

),

shared as (

    select
        short_lists.item_key,
        known.item_key as neighbor_item_key,
        known.n_users,
        count(theirs.attribute) as n_shared
    from short_lists
    inner join categories as own on short_lists.item_key = own.item_key
    inner join categories as theirs on own.attribute = theirs.attribute
    inner join known on theirs.item_key = known.item_key
    where short_lists.item_key <> known.item_key
    group by short_lists.item_key, known.item_key, known.n_users

),

by_content as (

    select
        shared.item_key,
        shared.neighbor_item_key,
        'content' as source,
        -- Jaccard similarity of the categories.
        shared.n_shared
        / (own.n_categories + theirs.n_categories - shared.n_shared) as score,
        shared.n_users
    from shared
    inner join category_counts as own on shared.item_key = own.item_key
    inner join category_counts as theirs on shared.neighbor_item_key = theirs.item_key
    anti join by_cooccurrence
        on
            shared.item_key = by_cooccurrence.item_key
            and shared.neighbor_item_key = by_cooccurrence.neighbor_item_key

),

neighbors as (

    select
        item_key,
        neighbor_item_key,
        source,
        score,
        0 as n_users
    from by_cooccurrence
    union all
    select * from by_content

),

numbered as (

    select
        *,
        cast(
            row_number() over (
                partition by item_key
                order by source desc, score desc, n_users desc, neighbor_item_key
            ) as integer
        ) as rank
    from neighbors
    qualify rank <= {{ var('similar_items_k') }}

),

final as (

    select
        items.item_id,
        items.title,
        numbered.rank,
        similar_items.item_id as similar_item_id,
        similar_items.title as similar_title,
        numbered.score,
        numbered.source
    from numbered
    inner join items on numbered.item_key = items.item_key
    inner join items as similar_items on numbered.neighbor_item_key = similar_items.item_key

)

select * from final
