{{ config(enabled=is_staged_by('amazon_2023_ratings')) }}

with source as (

    select * from {{ source('amazon_2023_ratings', 'ratings') }}

),

renamed as (

    select
        ---------- ids
        cast(user_id as varchar) as user_id,
        cast(parent_asin as varchar) as item_id,

        ---------- text
        'rating' as event_type,
        cast(rating as varchar) as value_text,
        cast(timestamp as varchar) as occurred_at_text,
        surplus as surplus_text,

        ---------- numerics
        try_cast(rating as double) as value,

        ---------- timestamps
        {{ epoch_ms_to_timestamp('timestamp') }} as occurred_at,

        ---------- where it stands
        filename as source_file

    from source

)

select * from renamed
