{{ config(enabled=is_staged_by('amazon_2018')) }}

with source as (

    select * from {{ source('amazon_2018', 'metadata') }}

),

fields as (

    select
        unnest(json_transform(
            {{ json_object_in('line', or_python_literal=true) }},
            '{
                "asin": "VARCHAR", "also_buy": ["VARCHAR"], "also_view": ["VARCHAR"],
                "related": {
                    "also_bought": ["VARCHAR"], "also_viewed": ["VARCHAR"],
                    "bought_together": ["VARCHAR"], "buy_after_viewing": ["VARCHAR"]
                }
            }'
        ))
    from source

),

relations_of_items as (

    select
        asin,
        'also_bought' as kind,
        unnest(list_distinct(list_concat(also_buy, struct_extract(related, 'also_bought'))))
            as related_asin
    from fields
    union all
    select
        asin,
        'also_viewed' as kind,
        unnest(list_distinct(list_concat(also_view, struct_extract(related, 'also_viewed'))))
            as related_asin
    from fields
    union all
    select
        asin,
        'bought_together' as kind,
        unnest(list_distinct(struct_extract(related, 'bought_together'))) as related_asin
    from fields
    union all
    select
        asin,
        'buy_after_viewing' as kind,
        unnest(list_distinct(struct_extract(related, 'buy_after_viewing'))) as related_asin
    from fields

),

renamed as (

    select
        ---------- ids
        asin as item_id,
        related_asin as related_item_id,

        ---------- text
        kind

    from relations_of_items
    where asin is not null and related_asin is not null

)

select * from renamed
