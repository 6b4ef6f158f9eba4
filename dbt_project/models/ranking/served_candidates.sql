{{ config(materialized='view') }}

-- One row per fold, user and candidate, as the ranker that serves the fold puts them.

with ranked_candidates as (

    select * from {{ ref('ranked_candidates') }}

),

final as (

    select
        fold,
        user_key,
        item_key,
        ranker,
        score,
        rank
    from ranked_candidates
    where ranker = 'blend'

)

select * from final
