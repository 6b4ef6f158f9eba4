{{ config(enabled=is_staged_by('amazon_2023')) }}

with source as (

    select
        *,
        {{ source_row() }} as source_row
    from {{ source('amazon_2023', 'metadata') }}

),

fields as (

    select
        source_row,
        unnest(json_transform(
            {{ json_object_in('line') }},
            '{"parent_asin": "VARCHAR", "title": "VARCHAR", "price": "VARCHAR", "images": "JSON"}'
        ))
    from source
    where line is not null

),

renamed as (

    select
        ---------- ids
        parent_asin as item_id,

        ---------- text
        nullif(trim(title), '') as title,
        {{ json_of({
            'price': price_in('price'),
            'image': "images ->> '$[0].large'",
        }) }} as extra,

        ---------- booleans
        true as is_available,

        ---------- where it stands
        source_row

    from fields

)

select * from renamed
