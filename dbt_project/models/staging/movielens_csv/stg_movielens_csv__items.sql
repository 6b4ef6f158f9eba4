{{ config(enabled=is_staged_by('movielens_csv')) }}

with source as (

    select
        *,
        {{ source_row() }} as source_row
    from {{ source('movielens_csv', 'movies') }}

),

links as (

    select * from {{ optional_source('movielens_csv', 'links') }}

),

renamed as (

    select
        ---------- ids
        cast(source."movieId" as varchar) as item_id,

        ---------- text
        source.title,
        {{ json_of({
            'year': 'extract(year from ' ~ year_in_title('source.title') ~ ')',
            'imdb_id': 'cast(links."imdbId" as varchar)',
            'tmdb_id': 'cast(links."tmdbId" as varchar)',
        }) }} as extra,

        ---------- booleans
        true as is_available,

        ---------- timestamps
        {{ year_in_title('source.title') }} as available_from,

        ---------- where it stands
        source.source_row

    from source
    left join links on source."movieId" = links."movieId"

)

select * from renamed
