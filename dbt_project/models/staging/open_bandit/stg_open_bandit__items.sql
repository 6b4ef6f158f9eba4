{{ config(enabled=is_staged_by('open_bandit')) }}

with source as (

    select
        *,
        file_row_number + 1 as source_row
    from {{ source('open_bandit', 'item_context') }}

),

renamed as (

    select
        ---------- ids
        campaign || '/' || item_id as item_id,

        ---------- booleans
        true as is_available,

        ---------- where it stands
        source_row

    from source

)

select * from renamed
