{{ config(enabled=is_staged_by('movielens_100k')) }}

with source as (

    select
        *,
        file_row_number + 1 as source_row
    from {{ source('movielens_100k', 'movies') }}

),

renamed as (

    select
        ---------- ids
        cast(movie_id as varchar) as item_id,

        ---------- text
        movie_title as title,
        {{ json_of({'year': 'extract(year from ' ~ year_in_title('movie_title') ~ ')'}) }} as extra,

        ---------- booleans
        true as is_available,

        ---------- timestamps
        try_strptime(release_date, '%d-%b-%Y') as available_from,

        ---------- where it stands
        source_row

    from source

)

select * from renamed
