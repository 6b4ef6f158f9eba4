{{ config(enabled=is_staged_by('amazon_2018')) }}

with source as (

    select
        *,
        {{ source_row() }} as source_row
    from {{ source('amazon_2018', 'reviews') }}

),

parsed as (

    select
        *,
        json_transform(
            {{ json_object_in('line', or_python_literal=true) }},
            '{
                "reviewerID": "VARCHAR", "asin": "VARCHAR",
                "overall": "VARCHAR", "unixReviewTime": "VARCHAR",
                "helpful": ["BIGINT"], "vote": "VARCHAR", "verified": "BOOLEAN"
            }'
        ) as review
    from source
    where line is not null

),

renamed as (

    select
        ---------- ids
        review.reviewerid as user_id,
        review.asin as item_id,
        cast(null as varchar) as event_id,

        ---------- text
        'rating' as event_type,
        cast(null as varchar) as split,
        review.overall as value_text,
        review.unixreviewtime as occurred_at_text,
        case when review is null then line end as surplus_text,
        {{ json_of({
            'helpful_vote':
                "coalesce(review.helpful[1], try_cast(replace(review.vote, ',', '') as bigint))",
            'total_vote': 'review.helpful[2]',
            'verified_purchase': 'review.verified',
        }) }} as attributes,

        ---------- numerics
        try_cast(review.overall as double) as value,

        ---------- timestamps
        {{ epoch_to_timestamp('review.unixreviewtime') }} as occurred_at,

        ---------- where it stands
        file_name as source_file,
        source_row

    from parsed

)

select * from renamed
