{{ config(enabled=is_staged_by('amazon_2023')) }}

with source as (

    select
        *,
        {{ source_row() }} as source_row
    from {{ source('amazon_2023', 'reviews') }}

),

fields as (

    select
        *,
        unnest(json_transform(
            {{ json_object_in('line') }},
            '{
                "user_id": "VARCHAR", "asin": "VARCHAR", "parent_asin": "VARCHAR",
                "rating": "VARCHAR", "timestamp": "VARCHAR",
                "helpful_vote": "BIGINT", "verified_purchase": "BOOLEAN"
            }'
        ))
    from source
    where line is not null

),

renamed as (

    select
        ---------- ids
        user_id,
        parent_asin as item_id,

        ---------- text
        'rating' as event_type,
        rating as value_text,
        timestamp as occurred_at_text,
        case when coalesce(user_id, parent_asin, rating, timestamp) is null then line end
            as surplus_text,
        {{ json_of({
            'asin': 'asin',
            'helpful_vote': 'helpful_vote',
            'verified_purchase': 'verified_purchase',
        }) }} as attributes,

        ---------- numerics
        try_cast(rating as double) as value,

        ---------- timestamps
        {{ epoch_ms_to_timestamp('timestamp') }} as occurred_at,

        ---------- where it stands
        file_name as source_file,
        source_row

    from fields

)

select * from renamed
