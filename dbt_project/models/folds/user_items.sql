{{ config(materialized='by_fold') }}

-- One row per fold, user and item that the user has met in training: what must not be proposed
-- again, and, where is_positive, what can be learned from. In the order of users, so that reading a
-- few of them is reading little.

with fold_user_items as (

    select * from {{ ref('fold_user_items') }}
    where {{ in_current_fold() }}

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
        -- 1 is the newest like of the user; without event times, the strongest.
        cast(
            row_number() over (
                partition by fold, user_key, is_positive
                order by
                    {% if not has_event_times() -%}
                    -- What was posted to the online service has a time, and is newer.
                    last_interaction_at desc nulls last,
                    weight desc nulls last,
                    {% endif -%}
                    last_place desc,
                    item_key
            ) as integer
        ) as recency_rank
    from fold_user_items
    where part = 'train'

)

select * from final
order by user_key
