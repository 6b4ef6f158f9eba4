{{ config(enabled=is_staged_by('lastfm_2k')) }}

with source as (

    select
        *,
        {{ source_row() }} as source_row
    from {{ source('lastfm_2k', 'artists') }}

),

renamed as (

    select
        ---------- ids
        cast(id as varchar) as item_id,

        ---------- text
        name as title,
        {{ json_of({'url': 'url', 'picture_url': '"pictureURL"'}) }} as extra,

        ---------- booleans
        true as is_available,

        ---------- where it stands
        source_row

    from source

)

select * from renamed
