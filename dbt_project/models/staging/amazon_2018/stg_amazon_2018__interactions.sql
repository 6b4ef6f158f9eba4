{{ config(enabled=is_staged_by('amazon_2018')) }}

with source as (

    select
        *,
        {{ source_row() }} as source_row
    from {{ source('amazon_2018', 'reviews') }}

),

fields as (

    select
        *,
        unnest(json_transform(
            {{ json_object_in('line', or_python_literal=true) }},
            '{
                "reviewerID": "VARCHAR", "asin": "VARCHAR",
                "overall": "VARCHAR", "unixReviewTime": "VARCHAR",
                "helpful": ["BIGINT"], "vote": "VARCHAR", "verified": "BOOLEAN"
            }'
        ))
    from source
    where line is not null

),

renamed as (

    select
        ---------- ids
        reviewerid as user_id,
        asin as item_id,

        ---------- text
        'rating' as event_type,
        overall as value_text,
        unixreviewtime as occurred_at_text,
        case when coalesce(reviewerid, asin, overall, unixreviewtime) is null then line end
            as surplus_text,
        {{ json_of({
            'helpful_vote': "coalesce(helpful[1], try_cast(replace(vote, ',', '') as bigint))",
            'total_vote': 'helpful[2]',
            'verified_purchase': 'verified',
        }) }} as attributes,

        ---------- numerics
        try_cast(overall as double) as value,

        ---------- timestamps
        {{ epoch_to_timestamp('unixreviewtime') }} as occurred_at,

        ---------- where it stands
        file_name as source_file,
        source_row

    from fields

)

select * from renamed
