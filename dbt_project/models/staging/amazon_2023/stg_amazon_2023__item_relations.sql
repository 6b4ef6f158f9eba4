{{ config(enabled=is_staged_by('amazon_2023')) }}

with source as (

    select * from {{ source('amazon_2023', 'metadata') }}

),

fields as (

    select
        unnest(json_transform(
            {{ json_object_in('line') }},
            '{"parent_asin": "VARCHAR", "bought_together": ["VARCHAR"]}'
        ))
    from source

),

relations_of_items as (

    select
        parent_asin,
        unnest(list_distinct(bought_together)) as related_asin
    from fields

),

renamed as (

    select
        ---------- ids
        parent_asin as item_id,
        related_asin as related_item_id,

        ---------- text
        'bought_together' as kind

    from relations_of_items
    where parent_asin is not null and related_asin is not null

)

select * from renamed
