{{ config(enabled=is_staged_by('movielens_100k')) }}

with source as (

    select
        user_id,
        cast(gender as varchar) as gender,
        cast(age as varchar) as age,
        cast(occupation as varchar) as occupation
    from {{ source('movielens_100k', 'users') }}

),

renamed as (

    select
        ---------- ids
        cast(user_id as varchar) as user_id,

        ---------- text
        kind,
        attribute

    from source
    unpivot (attribute for kind in (gender, age, occupation))

)

select * from renamed
