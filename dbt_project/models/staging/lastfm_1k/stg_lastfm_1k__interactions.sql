{{ config(enabled=is_staged_by('lastfm_1k')) }}

with source as (

    select * from {{ source('lastfm_1k', 'listens') }}

),

renamed as (

    select
        ---------- ids
        cast(user_id as varchar) as user_id,
        {{ artist_id('artist_mbid', 'artist_name') }} as item_id,

        ---------- text
        'play' as event_type,
        cast(listened_at as varchar) as occurred_at_text,
        nullif(concat_ws(' ', surplus_1, surplus_2, surplus_3), '') as surplus_text,
        {{ json_of({'track_mbid': 'track_mbid', 'track_name': 'track_name'}) }} as attributes,

        ---------- timestamps
        try_strptime(listened_at, '%Y-%m-%dT%H:%M:%SZ') as occurred_at,

        ---------- where it stands
        'userid-timestamp-artid-artname-traid-traname.tsv' as source_file

    from source

)

select * from renamed
