{{ config(enabled=is_staged_by('amazon_grocery')) }}

with source as (

    select * from {{ source('amazon_grocery', 'items') }}

),

relations_of_items as (

    select
        item_id,
        'complement' as kind,
        unnest(list_distinct(r_complement)) as related_item_id
    from source
    union all
    select
        item_id,
        'substitute' as kind,
        unnest(list_distinct(r_substitute)) as related_item_id
    from source

),

renamed as (

    select
        ---------- ids
        cast(item_id as varchar) as item_id,
        cast(related_item_id as varchar) as related_item_id,

        ---------- text
        kind

    from relations_of_items

)

select * from renamed
