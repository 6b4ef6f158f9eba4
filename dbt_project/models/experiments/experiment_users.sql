-- One row per experiment and user in it: the variant, and what the user did from when it was
-- assigned on and, for CUPED, in experiment_pre_days before. Who was given several variants is in
-- none of them.

with assigned_users as (

    select * from {{ ref('assigned_users') }}

),

shown_items as (

    select * from {{ ref('shown_items') }}

),

interactions as (

    select * from {{ ref('interactions') }}

),

item_attributes as (

    select * from {{ ref('item_attributes') }}
    where kind = 'category'

),

assigned as (

    select
        experiment,
        user_key,
        min(variant) as variant,
        min(assigned_at) as assigned_at
    from assigned_users
    group by experiment, user_key
    having count(*) = 1

),

visits as (

    select
        user_key,
        occurred_at as visited_at
    from interactions
    union all
    select
        user_key,
        shown_at as visited_at
    from shown_items

),

-- What has not been seen to the end of a day is not known of it.
ends as (

    select max(visited_at) as ended_at
    from visits

),

shown as (

    select
        assigned.experiment,
        assigned.user_key,
        shown_items.item_key,
        shown_items.clicked,
        shown_items.dwell_seconds,
        shown_items.shown_at >= assigned.assigned_at as is_after
    from assigned
    inner join shown_items
        on
            assigned.user_key = shown_items.user_key
            and shown_items.shown_at
            >= assigned.assigned_at - interval ({{ var('experiment_pre_days') }}) day

),

looked_at as (

    select
        experiment,
        user_key,
        count(*) filter (where is_after) as n_impressions,
        count(*) filter (where is_after and clicked) as n_clicks,
        {{ exact_sum('case when is_after then dwell_seconds end', 6, 38) }} as dwell_seconds,
        count(*) filter (where not is_after and clicked) as n_clicks_before,
        {{ exact_sum('case when not is_after then dwell_seconds end', 6, 38) }}
            as dwell_seconds_before
    from shown
    group by experiment, user_key

),

shown_categories as (

    select
        shown.experiment,
        shown.user_key,
        item_attributes.attribute,
        count(*) as n_shown
    from shown
    inner join item_attributes on shown.item_key = item_attributes.item_key
    where shown.is_after
    group by shown.experiment, shown.user_key, item_attributes.attribute

),

-- The chance that two categories that were shown differ (Gini-Simpson).
diverse as (

    select
        experiment,
        user_key,
        1.0 - sum(n_shown * n_shown) / (sum(n_shown) * sum(n_shown)) as category_diversity
    from shown_categories
    group by experiment, user_key

),

done as (

    select
        assigned.experiment,
        assigned.user_key,
        interactions.value,
        interactions.is_positive,
        interactions.event_type in {{ in_list(var('revenue_event_types')) }} as is_revenue,
        interactions.occurred_at >= assigned.assigned_at as is_after
    from assigned
    inner join interactions
        on
            assigned.user_key = interactions.user_key
            and interactions.occurred_at
            >= assigned.assigned_at - interval ({{ var('experiment_pre_days') }}) day

),

acted as (

    select
        experiment,
        user_key,
        count(*) filter (where is_after and is_positive) as n_conversions,
        count(*) filter (where not is_after and is_positive) as n_conversions_before,
        {{ exact_sum('case when is_after and is_revenue then value end', 6, 38) }} as revenue,
        {{ exact_sum('case when not is_after and is_revenue then value end', 6, 38) }}
            as revenue_before
    from done
    group by experiment, user_key

),

came as (

    select
        assigned.experiment,
        assigned.user_key,
        {%- for day in var('retention_days') %}
        count(*) filter (
            where visits.visited_at >= assigned.assigned_at + interval ({{ day }}) day
            and visits.visited_at < assigned.assigned_at + interval ({{ day + 1 }}) day
        ) as n_visits_{{ day }}d,
        {%- endfor %}
        count(distinct case
            when visits.visited_at < assigned.assigned_at then cast(visits.visited_at as date)
        end) as n_active_days_before
    from assigned
    inner join visits
        on
            assigned.user_key = visits.user_key
            and visits.visited_at
            >= assigned.assigned_at - interval ({{ var('experiment_pre_days') }}) day
    group by assigned.experiment, assigned.user_key

),

final as (

    select
        assigned.experiment,
        assigned.user_key,
        assigned.variant,
        assigned.assigned_at,
        coalesce(looked_at.n_impressions, 0) as n_impressions,
        coalesce(looked_at.n_clicks, 0) as n_clicks,
        coalesce(looked_at.n_clicks_before, 0) as n_clicks_before,
        coalesce(looked_at.dwell_seconds, 0.0) as dwell_seconds,
        coalesce(looked_at.dwell_seconds_before, 0.0) as dwell_seconds_before,
        diverse.category_diversity,
        coalesce(acted.n_conversions, 0) as n_conversions,
        coalesce(acted.n_conversions_before, 0) as n_conversions_before,
        coalesce(acted.revenue, 0.0) as revenue,
        coalesce(acted.revenue_before, 0.0) as revenue_before,
        {%- for day in var('retention_days') %}
        case
            when ends.ended_at >= assigned.assigned_at + interval ({{ day + 1 }}) day
                then cast(coalesce(came.n_visits_{{ day }}d, 0) > 0 as integer)
        end as is_retained_{{ day }}d,
        {%- endfor %}
        coalesce(came.n_active_days_before, 0) as n_active_days_before
    from assigned
    cross join ends
    left join looked_at
        on
            assigned.experiment = looked_at.experiment
            and assigned.user_key = looked_at.user_key
    left join diverse
        on
            assigned.experiment = diverse.experiment
            and assigned.user_key = diverse.user_key
    left join acted
        on
            assigned.experiment = acted.experiment
            and assigned.user_key = acted.user_key
    left join came
        on
            assigned.experiment = came.experiment
            and assigned.user_key = came.user_key

)

select * from final
