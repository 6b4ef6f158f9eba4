{{ config(enabled=is_staged_by('movielens_1m')) }}

with source as (

    select * from {{ source('movielens_1m', 'users') }}

),

renamed as (

    select cast(user_id as varchar) as user_id
    from source

)

select * from renamed
