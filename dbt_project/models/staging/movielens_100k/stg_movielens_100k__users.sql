{{ config(enabled=is_staged_by('movielens_100k')) }}

with source as (

    select * from {{ source('movielens_100k', 'users') }}

),

renamed as (

    select cast(user_id as varchar) as user_id
    from source

)

select * from renamed
