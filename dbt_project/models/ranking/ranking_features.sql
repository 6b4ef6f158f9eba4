{{ config(materialized='view') }}

-- One row per fold, user and candidate of the pool: all that a ranker is told, a column a feature.
-- Like user_item_features, it is read by fold and in blocks of users.

with user_features as (

    select * from {{ ref('user_features') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

item_features as (

    select * from {{ ref('item_features') }}
    where {{ in_current_fold() }}

),

user_item_features as (

    select * from {{ ref('user_item_features') }}

),

final as (

    select
        user_item_features.fold,
        user_item_features.user_key,
        user_item_features.item_key,
        {{ ranking_columns() | indent(8) }}
    -- Left joins, though all are there, as in user_item_features.
    from user_item_features
    left join user_features
        on
            user_item_features.fold = user_features.fold
            and user_item_features.user_key = user_features.user_key
    left join item_features
        on
            user_item_features.fold = item_features.fold
            and user_item_features.item_key = item_features.item_key

)

select * from final
