{{ config(enabled=is_staged_by('amazon_grocery')) }}

with source as (

    select
        *,
        file_row_number + 1 as source_row
    from {{ source('amazon_grocery', 'interactions') }}

),

renamed as (

    select
        ---------- ids
        cast(user_id as varchar) as user_id,
        cast(item_id as varchar) as item_id,

        ---------- text
        'purchase' as event_type,
        cast(timestamp as varchar) as occurred_at_text,

        ---------- timestamps
        {{ epoch_to_timestamp('timestamp') }} as occurred_at,

        ---------- where it stands
        'grocery_5core_interactions.parquet' as source_file,
        source_row

    from source

)

select * from renamed
