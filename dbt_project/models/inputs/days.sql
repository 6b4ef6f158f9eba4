{{ config(materialized='view') }}

-- One row per day, from the first event or item shown to the last: what MetricFlow lays metrics
-- over time along.

with interactions as (

    select * from {{ ref('interactions') }}

),

impressions as (

    select * from {{ ref('impressions') }}

),

seen as (

    select occurred_at as seen_at
    from interactions
    union all
    select shown_at as seen_at
    from impressions

),

ends as (

    select
        date_trunc('day', min(seen_at)) as first_day,
        date_trunc('day', max(seen_at)) as last_day
    from seen

),

final as (

    select cast(unnest(generate_series(first_day, last_day, interval 1 day)) as date) as day
    from ends

)

select * from final
