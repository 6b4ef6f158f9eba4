{{ config(enabled=is_staged_by('lastfm_360k')) }}

with source as (

    select
        user_id,
        upper(gender) as gender,
        age,
        country
    from {{ source('lastfm_360k', 'profiles') }}

),

renamed as (

    select
        ---------- ids
        cast(user_id as varchar) as user_id,

        ---------- text
        kind,
        attribute

    from source
    unpivot (attribute for kind in (gender, age, country))

)

select * from renamed
