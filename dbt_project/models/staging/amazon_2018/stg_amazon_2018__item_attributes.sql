{{ config(enabled=is_staged_by('amazon_2018')) }}

with source as (

    select * from {{ source('amazon_2018', 'metadata') }}

),

parsed as (

    select
        json_transform(
            {{ json_object_in('line', or_python_literal=true) }},
            '{
                "asin": "VARCHAR", "brand": "VARCHAR", "category": "JSON", "categories": "JSON",
                "feature": "JSON", "description": "JSON"
            }'
        ) as product
    from source

),

attributes_of_items as (

    select
        product.asin as asin,
        'category' as kind,
        unnest(
            list_distinct(
                list_concat(
                    {{ json_texts('product.category') }}, {{ json_texts('product.categories') }}
                )
            )
        ) as attribute
    from parsed
    union all
    select
        product.asin as asin,
        'brand' as kind,
        product.brand as attribute
    from parsed
    union all
    select
        product.asin as asin,
        'text' as kind,
        array_to_string(
            list_concat(
                {{ json_texts('product.feature') }}, {{ json_texts('product.description') }}
            ),
            ' '
        ) as attribute
    from parsed

),

renamed as (

    select
        ---------- ids
        asin as item_id,

        ---------- text
        kind,
        attribute,

        ---------- numerics
        1.0 as weight

    from attributes_of_items
    where asin is not null and trim(attribute) <> ''

)

select * from renamed
