{{ config(enabled=is_staged_by('amazon_grocery')) }}

with source as (

    select
        *,
        file_row_number + 1 as source_row
    from {{ source('amazon_grocery', 'items') }}

),

renamed as (

    select
        ---------- ids
        cast(item_id as varchar) as item_id,

        ---------- booleans
        true as is_available,

        ---------- where it stands
        source_row

    from source

)

select * from renamed
