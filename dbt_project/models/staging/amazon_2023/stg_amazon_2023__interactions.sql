{{ config(enabled=is_staged_by('amazon_2023')) }}

with source as (

    select
        *,
        {{ source_row() }} as source_row
    from {{ source('amazon_2023', 'reviews') }}

),

parsed as (

    select
        *,
        json_transform(
            {{ json_object_in('line') }},
            '{
                "user_id": "VARCHAR", "asin": "VARCHAR", "parent_asin": "VARCHAR",
                "rating": "VARCHAR", "timestamp": "VARCHAR",
                "helpful_vote": "BIGINT", "verified_purchase": "BOOLEAN"
            }'
        ) as review
    from source
    where line is not null

),

renamed as (

    select
        ---------- ids
        review.user_id as user_id,
        review.parent_asin as item_id,
        cast(null as varchar) as event_id,

        ---------- text
        'rating' as event_type,
        cast(null as varchar) as split,
        review.rating as value_text,
        review.timestamp as occurred_at_text,
        case when review is null then line end as surplus_text,
        {{ json_of({
            'asin': 'review.asin',
            'helpful_vote': 'review.helpful_vote',
            'verified_purchase': 'review.verified_purchase',
        }) }} as attributes,

        ---------- numerics
        try_cast(review.rating as double) as value,

        ---------- timestamps
        {{ epoch_ms_to_timestamp('review.timestamp') }} as occurred_at,

        ---------- where it stands
        file_name as source_file,
        source_row

    from parsed

)

select * from renamed
