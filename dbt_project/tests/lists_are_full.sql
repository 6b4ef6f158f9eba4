-- Everybody is served recommendations_k items, or all that are left where the catalogue has fewer.

with fold_users as (

    select * from {{ ref('fold_users') }}

),

users as (

    select * from {{ ref('users') }}

),

served as (

    select
        fold,
        user_id,
        count(*) as n_items
    from {{ ref('recommendations') }}
    group by fold, user_id

),

catalogue as (

    select
        fold,
        count(*) as n_items
    from {{ ref('fold_items') }}
    group by fold

),

met as (

    select
        fold_items.fold,
        user_items.user_key,
        count(*) as n_items
    from {{ ref('fold_items') }} as fold_items
    inner join {{ ref('user_items') }} as user_items
        on fold_items.fold = user_items.fold and fold_items.item_key = user_items.item_key
    group by fold_items.fold, user_items.user_key

)

select
    fold_users.fold,
    users.user_id,
    coalesce(served.n_items, 0) as n_items
from fold_users
inner join users on fold_users.user_key = users.user_key
inner join catalogue on fold_users.fold = catalogue.fold
left join met on fold_users.fold = met.fold and fold_users.user_key = met.user_key
left join served on fold_users.fold = served.fold and users.user_id = served.user_id
where
    coalesce(served.n_items, 0)
    <> least({{ var('recommendations_k') }}, catalogue.n_items - coalesce(met.n_items, 0))
