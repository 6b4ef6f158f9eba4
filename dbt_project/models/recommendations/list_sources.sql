{{ config(materialized='by_fold', in_blocks_of_users=true) }}

-- One row per fold, user, item served and source that proposes it: who speaks for an item, whoever
-- ranks.

with user_lists as (

    select * from {{ ref('user_lists') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

candidates as (

    select * from {{ ref('candidates') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

final as (

    select
        candidates.fold,
        candidates.user_key,
        candidates.item_key,
        candidates.source,
        candidates.score,
        candidates.rank
    from candidates
    semi join user_lists using (fold, user_key, item_key)

)

select * from final
