{{ config(enabled=is_staged_by('lastfm_2k')) }}

with source as (

    select distinct "userID"
    from {{ source('lastfm_2k', 'user_artists') }}

),

renamed as (

    select cast("userID" as varchar) as user_id
    from source

)

select * from renamed
