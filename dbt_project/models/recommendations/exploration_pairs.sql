{{ config(
    materialized='by_fold',
    in_blocks_of_users=true,
    enabled=var('exploration_every') != 0,
) }}

-- One row per fold, user and explored item that the user has not met, with the number from 0 to 1
-- that its draw is made from: by user, item and day, so that a rebuild draws the same and another
-- day differs.

with folds as (

    select * from {{ ref('folds') }}

),

users as (

    select * from {{ ref('users') }}

),

items as (

    select * from {{ ref('items') }}

),

fold_users as (

    select * from {{ ref('fold_users') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

user_items as (

    select * from {{ ref('user_items') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

candidates as (

    select * from {{ ref('candidates') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

explored_items as (

    select * from {{ ref('explored_items') }}
    where {{ in_current_fold() }}

),

proposed as (

    select distinct
        candidates.fold,
        candidates.user_key,
        candidates.item_key
    from candidates
    semi join explored_items
        on
            candidates.fold = explored_items.fold
            and candidates.item_key = explored_items.item_key

),

final as (

    select
        fold_users.fold,
        fold_users.user_key,
        explored_items.item_key,
        proposed.item_key is not null as is_candidate,
        explored_items.alpha,
        explored_items.beta,
        {{ uniform_draw(
            'users.user_id', 'items.item_id', exploration_day('folds.cutoff_at')
        ) }} as uniform
    from fold_users
    inner join folds on fold_users.fold = folds.fold
    inner join users on fold_users.user_key = users.user_key
    inner join explored_items on fold_users.fold = explored_items.fold
    inner join items on explored_items.item_key = items.item_key
    anti join user_items
        on
            fold_users.fold = user_items.fold
            and fold_users.user_key = user_items.user_key
            and explored_items.item_key = user_items.item_key
    left join proposed
        on
            fold_users.fold = proposed.fold
            and fold_users.user_key = proposed.user_key
            and explored_items.item_key = proposed.item_key

)

select * from final
