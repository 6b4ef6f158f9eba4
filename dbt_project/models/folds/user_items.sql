-- One row per fold, user and item that the user has met in training: what must not be proposed
-- again, and, where is_positive, what can be learned from.

with train_interactions as (

    select * from {{ ref('train_interactions') }}

),

met as (

    select
        fold,
        user_key,
        item_key,
        bool_or(is_positive) as is_positive,
        count(*) as n_interactions,
        {{ exact_sum('case when is_positive then weight end') }} as weight,
        max(occurred_at) as last_interaction_at,
        max((occurred_at, source_file, source_row)) as last_event
    from train_interactions
    group by fold, user_key, item_key

),

final as (

    select
        fold,
        user_key,
        item_key,
        is_positive,
        n_interactions,
        weight,
        last_interaction_at,
        -- 1 is the newest like of the user.
        cast(
            row_number() over (
                partition by fold, user_key, is_positive
                order by last_event desc, item_key
            ) as integer
        ) as recency_rank
    from met

)

select * from final
