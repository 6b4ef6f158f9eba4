-- One row per customer: the country. It stands in for foryou's model of the same name, and so has
-- that model's columns.

with accounts as (

    select * from {{ ref('shop_accounts') }}

),

users as (

    select * from {{ ref('foryou', 'users') }}

)

select
    users.user_key,
    'country' as kind,
    accounts.country as attribute
from accounts
inner join users on accounts.customer = users.user_id
