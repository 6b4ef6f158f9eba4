-- One row per customer.

with customers as (

    select * from {{ ref('shop_customers') }}

)

select
    customer,
    country,
    signed_up_on
from customers
