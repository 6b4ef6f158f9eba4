{{ config(materialized='view') }}

-- One row per item shown to a user: what the owner logs or, where nothing is logged, what the
-- replayed experiment would have shown.

with impressions as (

    select * from {{ ref('impressions') }}

),

{% if replay() %}
replayed_impressions as (

    select * from {{ ref('replayed_impressions') }}

),
{% endif %}

final as (

    select
        user_key,
        item_key,
        shown_at,
        placement,
        position,
        policy,
        propensity,
        clicked,
        dwell_seconds
    from (
        select * from impressions
        {%- if replay() %}
        union all by name
        select * from replayed_impressions
        {%- endif %}
    ) as shown

)

select * from final
