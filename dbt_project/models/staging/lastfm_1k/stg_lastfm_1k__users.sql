{{ config(enabled=is_staged_by('lastfm_1k')) }}

with source as (

    select * from {{ source('lastfm_1k', 'profiles') }}

),

renamed as (

    select
        ---------- ids
        cast("#id" as varchar) as user_id,

        ---------- timestamps
        try_strptime(registered, '%b %d, %Y') as signed_up_at

    from source

)

select * from renamed
