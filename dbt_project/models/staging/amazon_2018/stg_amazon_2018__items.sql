{{ config(enabled=is_staged_by('amazon_2018')) }}

with source as (

    select
        *,
        {{ source_row() }} as source_row
    from {{ source('amazon_2018', 'metadata') }}

),

parsed as (

    select
        source_row,
        json_transform(
            {{ json_object_in('line', or_python_literal=true) }},
            '{
                "asin": "VARCHAR", "title": "VARCHAR", "price": "VARCHAR", "imUrl": "VARCHAR",
                "imageURLHighRes": "JSON", "imageURL": "JSON", "image": "JSON"
            }'
        ) as product
    from source
    where line is not null

),

products as (

    select
        source_row,
        product.asin as asin,
        product.title as title,
        product.price as price,
        coalesce(
            {{ json_texts('product.imageurlhighres') }}[1],
            {{ json_texts('product.imageurl') }}[1],
            {{ json_texts('product.image') }}[1],
            product.imurl
        ) as image
    from parsed

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

        ---------- timestamps
        cast(null as timestamp) as available_from,

        ---------- where it stands
        source_row

    from products

)

select * from renamed
