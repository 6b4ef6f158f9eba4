{{ config(
    materialized='by_fold',
    in_blocks_of_users=true,
    enabled='popular' in active_sources(),
) }}

-- One row per fold, user and proposed item: what most people like, of all time.

with item_features as (

    select * from {{ ref('item_features') }}
    where {{ in_current_fold() }}

),

scored_items as (

    select
        fold,
        item_key,
        cast(n_positive_users as double) as score
    from item_features
    where n_positive_users > 0

),

final as (

    {{ top_unseen('popular', 'scored_items', sized('candidates_k')) | indent(4) }}

)

select * from final
