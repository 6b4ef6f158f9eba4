{{ config(enabled=is_staged_by('movielens_1m')) }}

with source as (

    select * from {{ source('movielens_1m', 'ratings') }}

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
        surplus as surplus_text,

        ---------- numerics
        try_cast(rating as double) as value,

        ---------- timestamps
        {{ epoch_to_timestamp('timestamp') }} as occurred_at,

        ---------- where it stands
        'ratings.dat' as source_file

    from source

)

select * from renamed
