{{ config(enabled=is_staged_by('amazon_grocery')) }}

with source as (

    select * from {{ source('amazon_grocery', 'items') }}

),

renamed as (

    select
        ---------- ids
        cast(item_id as varchar) as item_id,

        ---------- text
        'category' as kind,
        'category ' || i_category as attribute,

        ---------- numerics
        1.0 as weight

    from source
    where i_category is not null

)

select * from renamed
