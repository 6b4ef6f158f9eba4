-- One row per measure and detail: what to look at first in data that is new.

with loaded as (

    select * from {{ ref('numbered_interactions') }}

),

rejected as (

    select * from {{ ref('rejected_interactions') }}

),

interactions as (

    select * from {{ ref('interactions') }}

),

users as (

    select * from {{ ref('users') }}

),

items as (

    select * from {{ ref('items') }}

),

n_rows as (

    select count(*) as n_rows from loaded

),

totals as (

    select
        count(*) as n_events,
        count(distinct user_key) as n_users,
        count(distinct item_key) as n_items,
        count(distinct struct_pack(u := user_key, i := item_key)) as n_pairs,
        cast(count_if(is_positive) as bigint) as n_positives,
        min(occurred_at) as first_event_at,
        max(occurred_at) as last_event_at,
        count(distinct cast(occurred_at as date)) as n_days_with_events
    from interactions

),

per_user as (

    select count(*) as n_events
    from interactions
    group by user_key

),

per_item as (

    select count(*) as n_events
    from interactions
    group by item_key

),

days as (

    select distinct cast(occurred_at as date) as event_date
    from interactions
    where occurred_at is not null

),

gaps as (

    select date_diff('day', lag(event_date) over (order by event_date), event_date) - 1 as n_days
    from days

),

final as (

    select
        'rows' as measure,
        source_file as detail,
        cast(count(*) as double) as value,
        cast(null as timestamp) as value_at
    from loaded
    group by source_file
    union all
    select
        'refused_share' as measure,
        rejected.reason as detail,
        count(*) / any_value(n_rows.n_rows) as value,
        null as value_at
    from rejected
    cross join n_rows
    group by rejected.reason
    union all
    select
        'events' as measure,
        event_type as detail,
        count(*) as value,
        null as value_at
    from interactions
    group by event_type
    {% for measure, value in {
        'users': 'n_users',
        'items': 'n_items',
        'positive_share': 'n_positives / n_events',
        'density': 'n_pairs / (n_users * n_items)',
        'repeated_share': '1.0 - n_pairs / n_events',
        'days_without_events':
            "date_diff('day', first_event_at, last_event_at) + 1 - n_days_with_events",
    }.items() -%}
    union all
    select
        '{{ measure }}' as measure,
        null as detail,
        {{ value }} as value,
        null as value_at
    from totals
    {% endfor -%}
    {% for measure in ['first_event_at', 'last_event_at'] -%}
    union all
    select
        '{{ measure }}' as measure,
        null as detail,
        null as value,
        {{ measure }} as value_at
    from totals
    {% endfor -%}
    {% for entity in ['user', 'item'] -%}
    {% for name, quantile in {
        'min': 0, 'p25': 0.25, 'median': 0.5, 'p75': 0.75, 'p95': 0.95, 'max': 1
    }.items() -%}
    union all
    select
        'events_per_{{ entity }}' as measure,
        '{{ name }}' as detail,
        quantile_disc(n_events, {{ quantile }}) as value,
        null as value_at
    from per_{{ entity }}
    {% endfor -%}
    union all
    select
        'events_of_unlisted_{{ entity }}s_share' as measure,
        null as detail,
        count_if(not {{ entity }}s.is_listed) / count(*) as value,
        null as value_at
    from interactions
    inner join {{ entity }}s on interactions.{{ entity }}_key = {{ entity }}s.{{ entity }}_key
    {% endfor -%}
    union all
    select
        'longest_gap_days' as measure,
        null as detail,
        coalesce(max(n_days), 0) as value,
        null as value_at
    from gaps

)

select * from final
