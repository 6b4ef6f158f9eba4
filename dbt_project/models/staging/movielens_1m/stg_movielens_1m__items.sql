{{ config(enabled=is_staged_by('movielens_1m')) }}

with source as (

    select
        *,
        {{ source_row() }} as source_row
    from {{ source('movielens_1m', 'movies') }}

),

renamed as (

    select
        ---------- ids
        cast(movie_id as varchar) as item_id,

        ---------- text
        title,
        {{ json_of({'year': 'extract(year from ' ~ year_in_title('title') ~ ')'}) }} as extra,

        ---------- booleans
        true as is_available,

        ---------- timestamps
        {{ year_in_title('title') }} as available_from,

        ---------- where it stands
        source_row

    from source

)

select * from renamed
