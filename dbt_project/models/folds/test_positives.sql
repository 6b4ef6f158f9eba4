-- One row per fold, user and item to be found: liked in the test part, not met in training. The
-- R of every metric.

with fold_user_items as (

    select * from {{ ref('fold_user_items') }}

),

user_items as (

    select * from {{ ref('user_items') }}

),

final as (

    select
        fold_user_items.fold,
        fold_user_items.user_key,
        fold_user_items.item_key
    from fold_user_items
    anti join user_items using (fold, user_key, item_key)
    where fold_user_items.part = 'test' and fold_user_items.is_positive

)

select * from final
