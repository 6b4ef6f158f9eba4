-- One row per customer and place on the page: what the shop shows next, with the price of today.

with recommendations as (

    select * from {{ ref('foryou', 'recommendations') }}

)

select
    user_id as customer,
    rank as place,
    item_id as sku,
    title as name,
    cast(extra ->> 'price' as decimal(9, 2)) as price,
    reason
from recommendations
where fold = 'live'
