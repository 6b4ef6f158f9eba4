{{ config(enabled=is_staged_by('movielens_csv')) }}

with source as (

    select * from {{ source('movielens_csv', 'ratings') }}

),

renamed as (

    select
        ---------- ids
        cast("userId" as varchar) as user_id,
        cast("movieId" as varchar) as item_id,

        ---------- text
        'rating' as event_type,
        cast(rating as varchar) as value_text,
        cast(timestamp as varchar) as occurred_at_text,

        ---------- numerics
        try_cast(rating as double) as value,

        ---------- timestamps
        {{ epoch_to_timestamp('timestamp') }} as occurred_at,

        ---------- where it stands
        'ratings.csv' as source_file

    from source

)

select * from renamed
