{{ config(
    materialized='by_fold',
    in_blocks_of_users=true,
    enabled='popular_in_segment' in active_sources(),
) }}

-- One row per fold, user and proposed item: what people of the user's segment like.

with segment_item_features as (

    select * from {{ ref('segment_item_features') }}
    where {{ in_current_fold() }}

),

scored_items as (

    select
        fold,
        segment,
        item_key,
        like_share as score
    from segment_item_features

),

final as (

    {{ top_unseen(
        'popular_in_segment', 'scored_items', sized('candidates_k'), audience='segment'
    ) | indent(4) }}

)

select * from final
