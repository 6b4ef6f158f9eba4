{{ config(materialized='view') }}

-- One row per fold and event that the fold learns from.

with fold_interactions as (

    select * from {{ ref('fold_interactions') }}

),

final as (

    select
        fold,
        user_key,
        item_key,
        event_type,
        value,
        weight,
        is_positive,
        occurred_at,
        split,
        source_file,
        source_row
    from fold_interactions
    where part = 'train'

)

select * from final
