{{ config(enabled=is_staged_by('lastfm_2k')) }}

with source as (

    select * from {{ source('lastfm_2k', 'user_artists') }}

),

renamed as (

    select
        ---------- ids
        cast("userID" as varchar) as user_id,
        cast("artistID" as varchar) as item_id,

        ---------- text
        'play' as event_type,
        cast(weight as varchar) as value_text,

        ---------- numerics
        try_cast(weight as double) as value,

        ---------- where it stands
        'user_artists.dat' as source_file

    from source

)

select * from renamed
