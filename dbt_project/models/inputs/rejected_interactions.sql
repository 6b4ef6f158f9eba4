{{ config(post_hook='{{ warn_of_rejected_rows(this) }}') }}

-- One row per refused row, as it came and with the reason. Nothing is lost on the way in.

with screened as (

    select * from {{ ref('screened_interactions') }}

),

final as (

    select
        user_id,
        item_id,
        event_id,
        event_type,
        value_text as value,
        occurred_at_text as occurred_at,
        split,
        surplus_text as surplus,
        attributes,
        reason,
        source_file,
        source_row
    from screened
    where reason is not null

)

select * from final
