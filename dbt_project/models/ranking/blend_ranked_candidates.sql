{{ config(materialized='by_fold', in_blocks_of_users=true) }}

-- One row per fold, ranker, user and candidate: reciprocal rank fusion of the sources. It needs
-- no labels and no scores that compare, and is what a ranker that is learned must beat.

with folds as (

    select * from {{ ref('folds') }}
    where {{ in_current_fold() }}

),

candidates as (

    select * from {{ ref('candidates') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

weighed as (

    select
        candidates.fold,
        candidates.user_key,
        candidates.item_key,
        {{ blend_weight('folds.split', 'candidates.source') }}
        / ({{ var('rrf_k') }} + candidates.rank) as score
    from candidates
    inner join folds on candidates.fold = folds.fold

),

fused as (

    select
        fold,
        user_key,
        item_key,
        {{ exact_sum('score', 15) }} as score
    from weighed
    where score > 0
    group by fold, user_key, item_key

),

final as (

    select
        fold,
        cast('blend' as varchar) as ranker,
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
