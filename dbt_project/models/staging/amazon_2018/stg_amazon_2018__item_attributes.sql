{{ config(enabled=is_staged_by('amazon_2018')) }}

with source as (

    select * from {{ source('amazon_2018', 'metadata') }}

),

fields as (

    select
        unnest(json_transform(
            {{ json_object_in('line', or_python_literal=true) }},
            '{
                "asin": "VARCHAR", "brand": "VARCHAR", "category": "JSON", "categories": "JSON",
                "feature": "JSON", "description": "JSON"
            }'
        ))
    from source

),

attributes_of_items as (

    select
        asin,
        'category' as kind,
        unnest(
            list_distinct(
                list_concat({{ json_texts('category') }}, {{ json_texts('categories') }})
            )
        ) as attribute
    from fields
    union all
    select
        asin,
        'brand' as kind,
        brand as attribute
    from fields
    union all
    select
        asin,
        'text' as kind,
        array_to_string(
            list_concat({{ json_texts('feature') }}, {{ json_texts('description') }}), ' '
        ) as attribute
    from fields

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
