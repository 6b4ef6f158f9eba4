-- No source proposes what the user has met already, or what is not available at the cutoff.

with candidates as (

    select * from {{ ref('candidates') }}

),

user_items as (

    select * from {{ ref('user_items') }}

),

fold_items as (

    select * from {{ ref('fold_items') }}

)

select
    candidates.fold,
    candidates.source,
    candidates.user_key,
    candidates.item_key,
    user_items.item_key is not null as is_met,
    fold_items.item_key is null as is_unavailable
from candidates
left join user_items
    on
        candidates.fold = user_items.fold
        and candidates.user_key = user_items.user_key
        and candidates.item_key = user_items.item_key
left join fold_items
    on candidates.fold = fold_items.fold and candidates.item_key = fold_items.item_key
where user_items.item_key is not null or fold_items.item_key is null
