{{ config(enabled=is_staged_by('open_bandit')) }}

with source as (

    select
        *,
        file_row_number + 1 as source_row
    from {{ source('open_bandit', 'log') }}

),

renamed as (

    select
        ---------- ids
        {{ open_bandit_id() }} as user_id,
        campaign || '/' || item_id as item_id,

        ---------- text
        'click' as event_type,
        timestamp as occurred_at_text,

        ---------- timestamps
        cast(cast(timestamp as timestamptz) as timestamp) as occurred_at,

        ---------- where it stands
        'obd_sample_log.parquet' as source_file,
        source_row

    from source
    where click = 1

)

select * from renamed
