{{ config(enabled=is_staged_by('lastfm_360k')) }}

with source as (

    select * from {{ source('lastfm_360k', 'profiles') }}

),

renamed as (

    select
        ---------- ids
        cast(user_id as varchar) as user_id,

        ---------- timestamps
        try_strptime(signed_up, '%b %d, %Y') as signed_up_at

    from source

)

select * from renamed
