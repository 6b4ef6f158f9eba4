{{ config(enabled=is_staged_by('amazon_2023')) }}

with source as (

    select * from {{ source('amazon_2023', 'metadata') }}

),

fields as (

    select
        unnest(json_transform(
            {{ json_object_in('line') }},
            '{
                "parent_asin": "VARCHAR", "main_category": "VARCHAR", "categories": ["VARCHAR"],
                "store": "VARCHAR", "features": "JSON", "description": "JSON"
            }'
        ))
    from source

),

attributes_of_items as (

    select
        parent_asin,
        'category' as kind,
        unnest(
            case
                when len(categories) > 0 then list_distinct(categories)
                else [main_category]
            end
        ) as attribute
    from fields
    union all
    select
        parent_asin,
        'brand' as kind,
        store as attribute
    from fields
    union all
    select
        parent_asin,
        'text' as kind,
        array_to_string(
            list_concat({{ json_texts('features') }}, {{ json_texts('description') }}), ' '
        ) as attribute
    from fields

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
