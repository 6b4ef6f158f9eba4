{{ config(enabled=is_staged_by('movielens_csv')) }}

with source as (

    select
        *,
        {{ source_row() }} as source_row
    from {{ source('movielens_csv', 'movies') }}

),

renamed as (

    select
        ---------- ids
        cast("movieId" as varchar) as item_id,

        ---------- text
        title,
        cast(null as json) as extra,

        ---------- booleans
        true as is_available,

        ---------- timestamps
        {{ year_in_title('title') }} as available_from,

        ---------- where it stands
        source_row

    from source

)

select * from renamed
