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

excluded as (

    select
        fold,
        item_key
    from {{ ref('rule_items') }}
    where action = 'exclude'

),

catalogue as (

    select
        fold_items.fold,
        fold_items.item_key
    from {{ ref('fold_items') }} as fold_items
    anti join excluded
        on fold_items.fold = excluded.fold and fold_items.item_key = excluded.item_key

),

catalogue_sizes as (

    select
        fold,
        count(*) as n_items
    from catalogue
    group by fold

),

met as (

    select
        catalogue.fold,
        user_items.user_key,
        count(*) as n_items
    from catalogue
    inner join {{ ref('user_items') }} as user_items
        on catalogue.fold = user_items.fold and catalogue.item_key = user_items.item_key
    group by catalogue.fold, user_items.user_key

)

select
    fold_users.fold,
    users.user_id,
    coalesce(served.n_items, 0) as n_items
from fold_users
inner join users on fold_users.user_key = users.user_key
left join catalogue_sizes on fold_users.fold = catalogue_sizes.fold
left join met on fold_users.fold = met.fold and fold_users.user_key = met.user_key
left join served on fold_users.fold = served.fold and users.user_id = served.user_id
where
    coalesce(served.n_items, 0) <> least(
        {{ var('recommendations_k') }},
        coalesce(catalogue_sizes.n_items, 0) - coalesce(met.n_items, 0)
    )
