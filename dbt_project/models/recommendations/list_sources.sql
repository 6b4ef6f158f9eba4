-- One row per fold, user and item served: the source that did most to put it there.

with folds as (

    select * from {{ ref('folds') }}

),

user_lists as (

    select * from {{ ref('user_lists') }}

),

candidates as (

    select * from {{ ref('candidates') }}

),

contributions as (

    select
        user_lists.fold,
        user_lists.user_key,
        user_lists.item_key,
        candidates.source,
        {{ blend_weight('folds.split', 'candidates.source') }}
        / ({{ var('rrf_k') }} + candidates.rank) as contribution
    from user_lists
    inner join candidates
        on
            user_lists.fold = candidates.fold
            and user_lists.user_key = candidates.user_key
            and user_lists.item_key = candidates.item_key
    inner join folds on user_lists.fold = folds.fold
    where not user_lists.is_filler

),

final as (

    select
        fold,
        user_key,
        item_key,
        source
    from contributions
    qualify row_number() over (
        partition by fold, user_key, item_key order by contribution desc, source
    ) = 1

)

select * from final
