{{ config(
    materialized='by_fold',
    in_blocks_of_users=true,
    enabled='trending' in active_sources(),
) }}

-- One row per fold, user and proposed item: what most people like of late, each like losing half
-- its weight in trending_half_life_days.

with item_features as (

    select * from {{ ref('item_features') }}
    where {{ in_current_fold() }}

),

scored_items as (

    select
        fold,
        item_key,
        trending_score as score
    from item_features
    where n_positive_users > 0

),

final as (

    {{ top_unseen('trending', 'scored_items', sized('candidates_k')) | indent(4) }}

)

select * from final
