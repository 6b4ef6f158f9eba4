{{ config(materialized='view') }}

-- One row per fold, user and candidate, as the ranker that serves the fold puts them.

with ranked_candidates as (

    select * from {{ ref('ranked_candidates') }}

),

ranker_choice as (

    select * from {{ ref('ranker_choice') }}
    where is_served

),

final as (

    select
        ranked_candidates.fold,
        ranked_candidates.user_key,
        ranked_candidates.item_key,
        ranked_candidates.ranker,
        ranked_candidates.score,
        ranked_candidates.rank
    from ranked_candidates
    semi join ranker_choice
        on
            ranked_candidates.fold = ranker_choice.fold
            and ranked_candidates.ranker = ranker_choice.ranker

)

select * from final
