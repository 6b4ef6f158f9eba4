{{ config(enabled=is_staged_by('amazon_2023_ratings')) }}

with source as (

    select
        *,
        {{ source_row() }} as source_row
    from {{ source('amazon_2023_ratings', 'ratings') }}

),

renamed as (

    select
        ---------- ids
        cast(user_id as varchar) as user_id,
        cast(parent_asin as varchar) as item_id,
        cast(null as varchar) as event_id,

        ---------- text
        'rating' as event_type,
        cast(null as varchar) as split,
        cast(rating as varchar) as value_text,
        cast(timestamp as varchar) as occurred_at_text,
        surplus as surplus_text,
        cast(null as json) as attributes,

        ---------- numerics
        try_cast(rating as double) as value,

        ---------- timestamps
        {{ epoch_ms_to_timestamp('timestamp') }} as occurred_at,

        ---------- where it stands
        filename as source_file,
        source_row

    from source

)

select * from renamed
