{{ config(enabled=is_staged_by('movielens_10m')) }}

with source as (

    select * from {{ source('movielens_10m', 'movies') }}

),

genres_of_items as (

    select
        movie_id,
        unnest(string_split(genres, '|')) as genre
    from source

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

    from genres_of_items
    where genre <> '(no genres listed)'

)

select * from renamed
