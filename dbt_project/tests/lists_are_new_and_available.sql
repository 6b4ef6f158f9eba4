-- Nothing served has been met already, or is unavailable at the cutoff.

with user_lists as (

    select * from {{ ref('user_lists') }}

),

user_items as (

    select * from {{ ref('user_items') }}

),

fold_items as (

    select * from {{ ref('fold_items') }}

)

select
    user_lists.fold,
    user_lists.user_key,
    user_lists.item_key,
    user_items.item_key is not null as is_met,
    fold_items.item_key is null as is_unavailable
from user_lists
left join user_items
    on
        user_lists.fold = user_items.fold
        and user_lists.user_key = user_items.user_key
        and user_lists.item_key = user_items.item_key
left join fold_items
    on user_lists.fold = fold_items.fold and user_lists.item_key = fold_items.item_key
where user_items.item_key is not null or fold_items.item_key is null
