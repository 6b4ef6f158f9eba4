{{ config(enabled=is_staged_by('amazon_2023')) }}

with source as (

    select * from {{ source('amazon_2023', 'metadata') }}

),

parsed as (

    select
        json_transform(
            {{ json_object_in('line') }},
            '{"parent_asin": "VARCHAR", "bought_together": ["VARCHAR"]}'
        ) as product
    from source

),

relations_of_items as (

    select
        product.parent_asin as parent_asin,
        unnest(list_distinct(product.bought_together)) as related_asin
    from parsed

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
