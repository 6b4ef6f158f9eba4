{{ config(materialized='by_fold', in_blocks_of_users=true) }}

-- One row per fold, user and candidate that a ranker looks at. Every source speaks with the same
-- weight (reciprocal rank fusion), so that no opinion on the sources is in what the ranker learns
-- to weigh them from.

with candidates as (

    select * from {{ ref('candidates') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

fused as (

    select
        fold,
        user_key,
        item_key,
        {{ exact_sum('1.0 / (' ~ var('rrf_k') ~ ' + rank)', 15) }} as score
    from candidates
    group by fold, user_key, item_key

),

final as (

    select
        fold,
        user_key,
        item_key,
        score,
        cast(
            row_number() over (
                partition by fold, user_key order by score desc, item_key
            ) as integer
        ) as rank
    from fused
    qualify rank <= {{ sized('ranked_k') }}

)

select * from final
