{{ config(enabled=is_staged_by('movielens_csv')) }}

with source as (

    select * from {{ source('movielens_csv', 'movies') }}

),

tags as (

    select * from {{ optional_source('movielens_csv', 'tags') }}

),

genome_scores as (

    select * from {{ optional_source('movielens_csv', 'genome_scores') }}

),

genome_tags as (

    select * from {{ optional_source('movielens_csv', 'genome_tags') }}

),

genres_of_items as (

    select
        "movieId",
        unnest(string_split(genres, '|')) as genre
    from source

),

tags_of_items as (

    select
        "movieId",
        lower(trim(tag)) as tag,
        count(distinct "userId") as n_users
    from tags
    where trim(tag) <> ''
    group by "movieId", lower(trim(tag))

),

genome_of_items as (

    select
        genome_scores."movieId",
        genome_tags.tag,
        try_cast(genome_scores.relevance as double) as relevance
    from genome_scores
    inner join genome_tags on genome_scores."tagId" = genome_tags."tagId"
    where try_cast(genome_scores.relevance as double) >= {{ var('genome_min_relevance') }}

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

    union all

    select
        cast("movieId" as varchar) as item_id,
        'tag' as kind,
        tag as attribute,
        cast(n_users as double) as weight
    from tags_of_items

    union all

    select
        cast("movieId" as varchar) as item_id,
        'genome_tag' as kind,
        tag as attribute,
        relevance as weight
    from genome_of_items

)

select * from renamed
