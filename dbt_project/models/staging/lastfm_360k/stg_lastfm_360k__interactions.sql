{{ config(enabled=is_staged_by('lastfm_360k')) }}

with source as (

    select
        *,
        {{ source_row() }} as source_row
    from {{ source('lastfm_360k', 'plays') }}

),

renamed as (

    select
        ---------- ids
        cast(user_id as varchar) as user_id,
        {{ artist_id('artist_mbid', 'artist_name') }} as item_id,
        cast(null as varchar) as event_id,

        ---------- text
        'play' as event_type,
        cast(null as varchar) as split,
        cast(plays as varchar) as value_text,
        cast(null as varchar) as occurred_at_text,
        nullif(concat_ws(' ', surplus_1, surplus_2, surplus_3), '') as surplus_text,
        cast(null as json) as attributes,

        ---------- numerics
        try_cast(plays as double) as value,

        ---------- timestamps
        cast(null as timestamp) as occurred_at,

        ---------- where it stands
        'usersha1-artmbid-artname-plays.tsv' as source_file,
        source_row

    from source

)

select * from renamed
