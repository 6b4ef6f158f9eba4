-- One row per item whose propensity the owner knows: how likely anybody meets it.

with items as (

    select * from {{ ref('items') }}

),

staged as (

    select * from {{ staged('item_propensities') }}

),

final as (

    select
        items.item_key,
        max(staged.propensity) as propensity
    from staged
    inner join items on staged.item_id = items.item_id
    where staged.propensity is not null
    group by items.item_key

)

select * from final
