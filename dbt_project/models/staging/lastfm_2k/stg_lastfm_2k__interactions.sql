{{ config(enabled=is_staged_by('lastfm_2k')) }}

with source as (

    select
        *,
        {{ source_row() }} as source_row
    from {{ source('lastfm_2k', 'user_artists') }}

),

renamed as (

    select
        ---------- ids
        cast("userID" as varchar) as user_id,
        cast("artistID" as varchar) as item_id,
        cast(null as varchar) as event_id,

        ---------- text
        'play' as event_type,
        cast(null as varchar) as split,
        cast(weight as varchar) as value_text,
        cast(null as varchar) as occurred_at_text,
        cast(null as varchar) as surplus_text,
        cast(null as json) as attributes,

        ---------- numerics
        try_cast(weight as double) as value,

        ---------- timestamps
        cast(null as timestamp) as occurred_at,

        ---------- where it stands
        'user_artists.dat' as source_file,
        source_row

    from source

)

select * from renamed
