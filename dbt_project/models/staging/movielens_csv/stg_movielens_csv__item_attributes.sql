{{ config(enabled=is_staged_by('movielens_csv')) }}

with source as (

    select * from {{ source('movielens_csv', 'movies') }}

),

genres_of_items as (

    select
        "movieId",
        unnest(string_split(genres, '|')) as genre
    from source

),

renamed as (

    select
        ---------- ids
        cast("movieId" as varchar) as item_id,

        ---------- text
        'category' as kind,
        genre as attribute,

        ---------- numerics
        1.0 as weight

    from genres_of_items
    where genre <> '(no genres listed)'

)

select * from renamed
