{{ config(enabled=is_staged_by('amazon_2018')) }}

with source as (

    select
        *,
        {{ source_row() }} as source_row
    from {{ source('amazon_2018', 'metadata') }}

),

fields as (

    select
        source_row,
        unnest(json_transform(
            {{ json_object_in('line', or_python_literal=true) }},
            '{
                "asin": "VARCHAR", "title": "VARCHAR", "price": "VARCHAR", "imUrl": "VARCHAR",
                "imageURLHighRes": "JSON", "imageURL": "JSON", "image": "JSON"
            }'
        ))
    from source
    where line is not null

),

products as (

    select
        source_row,
        asin,
        title,
        price,
        coalesce(
            {{ json_texts('imageurlhighres') }}[1],
            {{ json_texts('imageurl') }}[1],
            {{ json_texts('image') }}[1],
            imurl
        ) as image
    from fields

),

renamed as (

    select
        ---------- ids
        asin as item_id,

        ---------- text
        nullif(trim(title), '') as title,
        {{ json_of({'price': price_in('price'), 'image': 'image'}) }} as extra,

        ---------- booleans
        true as is_available,

        ---------- where it stands
        source_row

    from products

)

select * from renamed
