-- One row per fold, user and item to be found: liked in the test part, not met in training. The
-- R of every metric.

with test_interactions as (

    select * from {{ ref('test_interactions') }}

),

user_items as (

    select * from {{ ref('user_items') }}

),

liked as (

    select distinct
        fold,
        user_key,
        item_key
    from test_interactions
    where is_positive

),

final as (

    select liked.*
    from liked
    anti join user_items using (fold, user_key, item_key)

)

select * from final
