-- One row per thing that a customer did with a product: what the page log, the carts and the
-- orders say, as one list of events.

with page_views as (

    select * from {{ ref('shop_page_views') }}

),

cart_lines as (

    select * from {{ ref('shop_cart_lines') }}

),

orders as (

    select * from {{ ref('shop_orders') }}

),

order_lines as (

    select * from {{ ref('shop_order_lines') }}

),

viewed as (

    select
        'v/' || customer || '/' || sku || '/' || viewed_at as event_number,
        customer,
        sku,
        'view' as action,
        1 as quantity,
        viewed_at as happened_at
    from page_views

),

put_into_cart as (

    select
        'c/' || customer || '/' || sku || '/' || added_at as event_number,
        customer,
        sku,
        'cart' as action,
        1 as quantity,
        added_at as happened_at
    from cart_lines

),

bought as (

    select
        'o/' || orders.order_number || '/' || order_lines.sku as event_number,
        orders.customer,
        order_lines.sku,
        'purchase' as action,
        order_lines.quantity,
        orders.ordered_at as happened_at
    from order_lines
    inner join orders on order_lines.order_number = orders.order_number

),

sent_back as (

    select
        'r/' || orders.order_number || '/' || order_lines.sku as event_number,
        orders.customer,
        order_lines.sku,
        'return' as action,
        order_lines.quantity,
        order_lines.returned_at as happened_at
    from order_lines
    inner join orders on order_lines.order_number = orders.order_number
    where order_lines.returned_at is not null

),

final as (

    select * from viewed
    union all
    select * from put_into_cart
    union all
    select * from bought
    union all
    select * from sent_back

)

select * from final
