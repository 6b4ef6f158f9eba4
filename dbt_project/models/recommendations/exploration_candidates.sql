{{ config(
    materialized='by_fold',
    in_blocks_of_users=true,
    enabled=var('exploration_every') != 0,
) }}

-- One row per fold, user and place among the items to try on the user: those that a source proposes
-- to the user first, since they fit a little; then by their draws (Thompson sampling). As many as
-- the slots need when all the others are on the list already.

with exploration_draws as (

    select * from {{ ref('exploration_draws') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

final as (

    select
        fold,
        user_key,
        item_key,
        is_candidate,
        mean,
        draw,
        cast(
            row_number() over (
                partition by fold, user_key
                -- Draws that are all 1 or all 0 tie.
                order by is_candidate desc, draw desc, uniform desc, item_key
            ) as integer
        ) as place
    from exploration_draws
    qualify place <= {{ var('recommendations_k') + exploration_places() | length }}

)

select * from final
