{{ config(enabled=is_staged_by('movielens_100k')) }}

with source as (

    select
        *,
        file_row_number + 1 as source_row
    from {{ source('movielens_100k', 'ratings') }}

),

renamed as (

    select
        ---------- ids
        cast(user_id as varchar) as user_id,
        cast(movie_id as varchar) as item_id,

        ---------- text
        'rating' as event_type,
        cast(rating as varchar) as value_text,
        cast(timestamp as varchar) as occurred_at_text,

        ---------- numerics
        try_cast(rating as double) as value,

        ---------- timestamps
        {{ epoch_to_timestamp('timestamp') }} as occurred_at,

        ---------- where it stands
        'MovieLens100k_data.parquet.brotli' as source_file,
        source_row

    from source

)

select * from renamed
