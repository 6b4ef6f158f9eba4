-- One row per audience and rank: what to show a person who has no row at all. Everybody: what
-- trends. Of a segment: what its people like. Who chose an attribute: what the source `survey`
-- makes of that one answer. Where an audience has too few items, the trend fills up.

{%- set k = var('recommendations_k') %}
{%- set fallback = 'trending' if has_event_times() else 'popular' %}

with items as (

    select * from {{ ref('items') }}

),

item_features as (

    select * from {{ ref('item_features') }}
    where fold = 'live'

),

user_features as (

    select * from {{ ref('user_features') }}
    where fold = 'live'

),

segment_item_features as (

    select * from {{ ref('segment_item_features') }}
    where fold = 'live'

),

attribute_items as (

    select * from {{ ref('attribute_items') }}
    where fold = 'live' and kind in {{ in_list(var('cold_start_kinds')) }}

),

reason_templates as (

    select * from {{ ref('reason_templates') }}

),

by_trend as (

    select
        item_key,
        trending_score as score,
        row_number() over (order by trending_score desc, n_users desc, item_key) as place
    from item_features

),

best_of_segments as (

    select
        segment,
        item_key,
        like_share as score,
        row_number() over (partition by segment order by like_share desc, item_key) as place
    from segment_item_features
    qualify place <= {{ k }}

),

audiences as (

    -- Of the items, so that without the fold `live` there is no row.
    select distinct
        'all' as kind,
        'all' as audience,
        '' as words
    from item_features
    union all
    select
        'segment' as kind,
        segment as audience,
        any_value(segment_label) as words
    from user_features
    where segment is not null
    group by segment
    union all
    select
        kind,
        attribute as audience,
        attribute as words
    from attribute_items
    group by kind, attribute
    having count(*) >= {{ var('cold_start_min_items') }}

),

fitting as (

    select
        'all' as kind,
        'all' as audience,
        item_key,
        '{{ fallback }}' as source,
        score,
        place
    from by_trend
    where place <= {{ k }}
    union all
    select
        'segment' as kind,
        segment as audience,
        item_key,
        'popular_in_segment' as source,
        score,
        place
    from best_of_segments
    union all
    select
        kind,
        attribute as audience,
        item_key,
        'survey' as source,
        score,
        rank as place
    from attribute_items
    where rank <= {{ k }}

),

n_fitting as (

    select
        kind,
        audience,
        count(*) as n_items
    from fitting
    group by kind, audience

),

fillers as (

    select
        audiences.kind,
        audiences.audience,
        by_trend.item_key,
        '{{ fallback }}' as source,
        0.0 as score,
        coalesce(n_fitting.n_items, 0) + row_number() over (
            partition by audiences.kind, audiences.audience order by by_trend.place
        ) as nth
    from audiences
    left join n_fitting
        on audiences.kind = n_fitting.kind and audiences.audience = n_fitting.audience
    inner join by_trend on by_trend.place <= {{ k }}
    anti join fitting
        on
            audiences.kind = fitting.kind
            and audiences.audience = fitting.audience
            and by_trend.item_key = fitting.item_key
    qualify nth <= {{ k }}

),

shown as (

    select * from fitting
    union all
    select * from fillers

),

final as (

    select
        audiences.kind,
        audiences.audience,
        cast(shown.place as integer) as rank,
        items.item_id,
        items.title,
        cast(shown.score as double) as score,
        replace(
            replace(reason_templates.template, '{segment}', audiences.words),
            '{answer}', audiences.words
        ) as reason
    from audiences
    inner join shown on audiences.kind = shown.kind and audiences.audience = shown.audience
    inner join items on shown.item_key = items.item_key
    inner join reason_templates on shown.source = reason_templates.source

)

select * from final
