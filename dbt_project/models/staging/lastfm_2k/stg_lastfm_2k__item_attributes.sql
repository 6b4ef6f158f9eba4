{{ config(enabled=is_staged_by('lastfm_2k')) }}

with source as (

    select * from {{ source('lastfm_2k', 'user_taggedartists') }}

),

tags as (

    select
        "tagID",
        lower(trim("tagValue")) as tag
    from {{ source('lastfm_2k', 'tags') }}

),

renamed as (

    select
        ---------- ids
        cast(source."artistID" as varchar) as item_id,

        ---------- text
        'tag' as kind,
        tags.tag as attribute,

        ---------- numerics
        cast(count(*) as double) as weight

    from source
    inner join tags on source."tagID" = tags."tagID"
    where tags.tag <> ''
    group by source."artistID", tags.tag

)

select * from renamed
