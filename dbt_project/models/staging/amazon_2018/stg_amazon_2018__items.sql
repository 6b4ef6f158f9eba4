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

renamed as (

    select
        ---------- ids
        product.asin as item_id,

        ---------- text
        nullif(trim(product.title), '') as title,
        json_object(
            'price', {{ price_in('product.price') }},
            'image', coalesce(
                {{ json_texts('product.imageURLHighRes') }}[1],
                {{ json_texts('product.imageURL') }}[1],
                {{ json_texts('product.image') }}[1],
                product.imurl
            )
        ) as extra,

        ---------- booleans
        true as is_available,

        ---------- timestamps
        cast(null as timestamp) as available_from,

        ---------- where it stands
        source_row

    from parsed

)

select * from renamed
