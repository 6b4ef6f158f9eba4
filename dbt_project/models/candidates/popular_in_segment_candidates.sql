{{ config(
    materialized='by_fold',
    in_blocks_of_users=true,
    enabled='popular_in_segment' in active_sources(),
) }}

-- One row per fold, user and proposed item: what people of the user's segment like.

with segment_items as (

    select * from {{ ref('segment_items') }}
    where {{ in_current_fold() }}

),

final as (

    {{ top_unseen(
        'popular_in_segment', 'segment_items', var('candidates_k'), audience='segment'
    ) | indent(4) }}

)

select * from final
