-- One row per product.

with products as (

    select * from {{ ref('shop_products') }}

)

select
    sku,
    name,
    category,
    brand,
    price,
    is_sold
from products
