{{ config(enabled=is_staged_by('movielens_10m')) }}

with source as (

    select * from {{ source('movielens_10m', 'movies') }}

),

tags as (

    select * from {{ optional_source('movielens_10m', 'tags') }}

),

genres_of_items as (

    select
        movie_id,
        unnest(string_split(genres, '|')) as genre
    from source

),

tags_of_items as (

    select
        movie_id,
        lower(trim(tag)) as tag,
        count(distinct user_id) as n_users
    from tags
    where trim(tag) <> ''
    group by movie_id, lower(trim(tag))

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

    union all

    select
        cast(movie_id as varchar) as item_id,
        'tag' as kind,
        tag as attribute,
        cast(n_users as double) as weight
    from tags_of_items

)

select * from renamed
