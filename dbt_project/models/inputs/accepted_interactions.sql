{{ config(materialized='view') }}

-- One row per row of the source that was not refused.

with numbered as (

    select * from {{ ref('numbered_interactions') }}

),

rejected as (

    select * from {{ ref('rejected_interactions') }}

),

final as (

    select
        user_id,
        item_id,
        event_id,
        event_type,
        split,
        attributes,
        value,
        occurred_at,
        source_file,
        source_row
    from numbered
    where not exists (
        select 1
        from rejected
        where
            rejected.source_file = numbered.source_file
            and rejected.source_row = numbered.source_row
    )

)

select * from final
