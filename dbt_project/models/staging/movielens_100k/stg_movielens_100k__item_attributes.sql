{{ config(enabled=is_staged_by('movielens_100k')) }}

with source as (

    select * from {{ source('movielens_100k', 'movies') }}

),

flags as (

    unpivot source
    on columns(* exclude (
        movie_id, movie_title, release_date, video_release_date, imdb_url, file_row_number
    ))
    into name genre value is_of_genre

),

renamed as (

    select
        ---------- ids
        cast(movie_id as varchar) as item_id,

        ---------- text
        'category' as kind,
        genre as attribute,

        ---------- numerics
        1.0 as weight

    from flags
    where is_of_genre = 1 and genre <> 'unknown'

)

select * from renamed
