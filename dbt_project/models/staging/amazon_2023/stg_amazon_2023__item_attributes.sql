{{ config(enabled=is_staged_by('amazon_2023')) }}

with source as (

    select * from {{ source('amazon_2023', 'metadata') }}

),

parsed as (

    select
        json_transform(
            {{ json_object_in('line') }},
            '{
                "parent_asin": "VARCHAR", "main_category": "VARCHAR", "categories": ["VARCHAR"],
                "store": "VARCHAR", "features": "JSON", "description": "JSON"
            }'
        ) as product
    from source

),

attributes_of_items as (

    select
        product.parent_asin as parent_asin,
        'category' as kind,
        unnest(
            case
                when len(product.categories) > 0 then list_distinct(product.categories)
                else [product.main_category]
            end
        ) as attribute
    from parsed
    union all
    select
        product.parent_asin as parent_asin,
        'brand' as kind,
        product.store as attribute
    from parsed
    union all
    select
        product.parent_asin as parent_asin,
        'text' as kind,
        array_to_string(
            list_concat(
                {{ json_texts('product.features') }}, {{ json_texts('product.description') }}
            ),
            ' '
        ) as attribute
    from parsed

),

renamed as (

    select
        ---------- ids
        parent_asin as item_id,

        ---------- text
        kind,
        attribute,

        ---------- numerics
        1.0 as weight

    from attributes_of_items
    where parent_asin is not null and trim(attribute) <> ''

)

select * from renamed
