{{ config(enabled=is_staged_by('open_bandit')) }}

with source as (

    select
        *,
        file_row_number + 1 as source_row
    from {{ source('open_bandit', 'item_context') }}

),

renamed as (

    select
        campaign || '/' || item_id as item_id,
        kind,
        attribute,
        1.0 as weight
    from source
    cross join (
        select
            unnest(['campaign', 'category', 'brand']) as kind,
            unnest([1, 2, 3]) as place
    ) as kinds
    cross join lateral (
        select [campaign, item_feature_1, item_feature_2][place] as attribute
    ) as attributes
    where attribute is not null

)

select * from renamed
