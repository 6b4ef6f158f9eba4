-- One row per item, related item and kind of relation that the owner states, such as bought
-- together. What is counted from events is in candidates.item_neighbors.

with items as (

    select * from {{ ref('items') }}

),

staged as (

    select * from {{ staged('item_relations') }}

),

final as (

    select distinct
        items.item_key,
        related_items.item_key as related_item_key,
        staged.kind
    from staged
    inner join items on staged.item_id = items.item_id
    inner join items as related_items on staged.related_item_id = related_items.item_id
    where items.item_key <> related_items.item_key

)

select * from final
