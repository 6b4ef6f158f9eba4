-- One row per experiment, variant, metric, segment of users and, for how an effect wears off, day
-- since the user was assigned (null: all days): the sums that an effect and its interval are worked
-- out from. y is the numerator of the metric for one user, x its denominator, c the covariate.

with experiment_users as (

    select * from {{ ref('experiment_users') }}

),

shown_items as (

    select * from {{ ref('shown_items') }}

),

user_attributes as (

    select * from {{ ref('user_attributes') }}
    where kind in {{ in_list(var('metric_segments')) }}

),

segments as (

    select
        experiment,
        user_key,
        'all' as segment_kind,
        'all' as segment
    from experiment_users
    union all
    select
        experiment_users.experiment,
        experiment_users.user_key,
        user_attributes.kind as segment_kind,
        user_attributes.attribute as segment
    from experiment_users
    inner join user_attributes on experiment_users.user_key = user_attributes.user_key

),

-- A user of whom a metric says nothing (null) is no part of it. In a replay people did what they
-- did whatever the list: what no variant can change is not tested.
of_users as (

    {% for metric, (numerator, denominator, covariate) in experiment_metrics().items()
        if not replay() or metric in ['ctr', 'category_diversity'] -%}
    select
        experiment,
        variant,
        user_key,
        '{{ metric }}' as metric,
        cast(null as integer) as day,
        cast({{ numerator }} as double) as y,
        cast({{ denominator }} as double) as x,
        cast({{ covariate or 0 }} as double) as c
    from experiment_users
    where {{ numerator }} is not null
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

of_days as (

    select
        experiment_users.experiment,
        experiment_users.variant,
        experiment_users.user_key,
        'ctr' as metric,
        cast(
            floor({{ days_between('experiment_users.assigned_at', 'shown_items.shown_at') }})
            as integer
        ) as day,
        cast(count(*) filter (where shown_items.clicked) as double) as y,
        cast(count(*) as double) as x,
        0.0 as c
    from experiment_users
    inner join shown_items
        on
            experiment_users.user_key = shown_items.user_key
            and experiment_users.assigned_at <= shown_items.shown_at
    group by all

),

values_of_users as (

    select
        of_users.*,
        segments.segment_kind,
        segments.segment
    from of_users
    inner join segments
        on
            of_users.experiment = segments.experiment
            and of_users.user_key = segments.user_key
    union all
    select
        *,
        'all' as segment_kind,
        'all' as segment
    from of_days

),

final as (

    select
        experiment,
        variant,
        metric,
        segment_kind,
        segment,
        day,
        {%- for sum in ['y', 'x', 'c', 'y * y', 'x * x', 'c * c', 'x * y', 'y * c', 'x * c'] %}
        {{ exact_sum(sum, 9, 38) }} as sum_{{ sum | replace(' * ', '') }},
        {%- endfor %}
        count(*) as n
    from values_of_users
    group by experiment, variant, metric, segment_kind, segment, day

)

select * from final
