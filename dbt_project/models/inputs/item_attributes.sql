-- One row per item and attribute.

with items as (

    select * from {{ ref('items') }}

),

staged as (

    select * from {{ staged('item_attributes') }}

),

final as (

    select
        items.item_key,
        staged.kind,
        staged.attribute,
        max(coalesce(cast(staged.weight as double), 1.0)) as weight
    from staged
    inner join items on staged.item_id = items.item_id
    where staged.attribute is not null
    group by items.item_key, staged.kind, staged.attribute

)

select * from final
