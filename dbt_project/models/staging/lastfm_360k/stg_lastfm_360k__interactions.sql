{{ config(enabled=is_staged_by('lastfm_360k')) }}

with source as (

    select * from {{ source('lastfm_360k', 'plays') }}

),

renamed as (

    select
        ---------- ids
        cast(user_id as varchar) as user_id,
        {{ artist_id('artist_mbid', 'artist_name') }} as item_id,

        ---------- text
        'play' as event_type,
        cast(plays as varchar) as value_text,
        nullif(concat_ws(' ', surplus_1, surplus_2, surplus_3), '') as surplus_text,

        ---------- numerics
        try_cast(plays as double) as value,

        ---------- where it stands
        'usersha1-artmbid-artname-plays.tsv' as source_file

    from source

)

select * from renamed
