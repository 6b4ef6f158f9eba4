{{ config(enabled=is_staged_by('lastfm_2k')) }}

with source as (

    select * from {{ source('lastfm_2k', 'user_friends') }}

),

renamed as (

    select
        ---------- ids
        cast("userID" as varchar) as user_id,
        cast("friendID" as varchar) as related_user_id,

        ---------- text
        'friend' as kind

    from source

)

select * from renamed
