-- One row per metric: what it is over the users who came in the last experiment_plan_days, and how
-- much it differs from user to user: what the size of an experiment is planned from.

with impressions as (

    select * from {{ ref('impressions') }}

),

interactions as (

    select * from {{ ref('interactions') }}

),

ends as (

    select max(seen_at) as ended_at
    from (
        select occurred_at as seen_at from interactions
        union all
        select shown_at from impressions
    ) as seen

),

looked_at as (

    select
        impressions.user_key,
        count(*) as n_impressions,
        count(*) filter (where impressions.clicked) as n_clicks,
        coalesce({{ exact_sum('impressions.dwell_seconds', 6, 38) }}, 0.0) as dwell_seconds
    from impressions
    cross join ends
    where impressions.shown_at > ends.ended_at - interval ({{ var('experiment_plan_days') }}) day
    group by impressions.user_key

),

acted as (

    select
        interactions.user_key,
        count(*) filter (where interactions.is_positive) as n_conversions,
        coalesce(
            {{ exact_sum(
                'case when interactions.event_type in ' ~ in_list(var('revenue_event_types'))
                ~ ' then interactions.value end', 6, 38
            ) }},
            0.0
        ) as revenue
    from interactions
    cross join ends
    where
        interactions.occurred_at
        > ends.ended_at - interval ({{ var('experiment_plan_days') }}) day
    group by interactions.user_key

),

came as (

    select
        user_key,
        coalesce(looked_at.n_impressions, 0) as n_impressions,
        coalesce(looked_at.n_clicks, 0) as n_clicks,
        coalesce(looked_at.dwell_seconds, 0.0) as dwell_seconds,
        coalesce(acted.n_conversions, 0) as n_conversions,
        coalesce(acted.revenue, 0.0) as revenue
    from looked_at
    full join acted using (user_key)

),

of_users as (

    {% for metric, (numerator, denominator, covariate) in experiment_metrics().items()
        if metric in ['ctr', 'conversion', 'revenue', 'watch_time'] -%}
    select
        '{{ metric }}' as metric,
        cast({{ numerator }} as double) as y,
        cast({{ denominator }} as double) as x
    from came
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

sums as (

    select
        metric,
        {%- for sum in ['y', 'x', 'y * y', 'x * x', 'x * y'] %}
        {{ exact_sum(sum, 9, 38) }} as sum_{{ sum | replace(' * ', '') }},
        {%- endfor %}
        count(*) as n_users
    from of_users
    group by metric

),

final as (

    select
        metric,
        n_users,
        sum_y / sum_x as value,
        -- Of one user's (y − value × x) / mean x, in which a ratio is linear (delta method).
        sqrt(greatest(
            (sum_yy - 2 * sum_y / sum_x * sum_xy + pow(sum_y / sum_x, 2) * sum_xx)
            / (n_users - 1) / pow(sum_x / n_users, 2),
            0
        )) as standard_deviation,
        n_users / {{ var('experiment_plan_days') }} as n_users_per_day
    from sums
    where n_users > 1 and sum_y > 0

)

select * from final
