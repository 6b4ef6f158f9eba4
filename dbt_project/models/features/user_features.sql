-- One row per fold and user who is known in it, or is given recommendations: what is known of the
-- user at the cutoff.

with folds as (

    select * from {{ ref('folds') }}

),

fold_users as (

    select * from {{ ref('fold_users') }}

),

user_items as (

    select * from {{ ref('user_items') }}

),

items as (

    select * from {{ ref('items') }}

),

train_interactions as (

    select * from {{ ref('train_interactions') }}

),

user_attributes as (

    select * from {{ ref('user_attributes') }}

),

segment_labels as (

    select * from {{ ref('segment_labels') }}

),

-- A user is in a segment when every attribute that makes one is known.
segment_parts as (

    {% for kind in var('segment_attributes') %}
    select
        user_key,
        {{ loop.index }} as place,
        kind,
        attribute
    from user_attributes
    where kind = {{ quoted(kind) }}
    {{ 'union all' if not loop.last }}
    {% else %}
    select
        user_key,
        1 as place,
        kind,
        attribute
    from user_attributes
    where false
    {% endfor %}

),

segments as (

    select
        segment_parts.user_key,
        string_agg(segment_parts.attribute, ' | ' order by segment_parts.place) as segment,
        string_agg(
            coalesce(segment_labels.label, segment_parts.attribute),
            ' ' order by segment_parts.place
        ) as segment_label
    from segment_parts
    left join segment_labels
        on
            segment_parts.kind = segment_labels.kind
            and segment_parts.attribute = segment_labels.attribute
    group by segment_parts.user_key
    having count(*) = {{ var('segment_attributes') | length }}

),

counted as (

    select
        fold,
        user_key,
        cast(sum(n_interactions) as bigint) as n_interactions,
        cast(count_if(is_positive) as bigint) as n_positives,
        count(*) as n_items,
        max(last_interaction_at) as last_interaction_at
    from user_items
    group by fold, user_key

),

days as (

    select
        fold,
        user_key,
        min(occurred_at) as first_interaction_at,
        count(distinct cast(occurred_at as date)) as n_active_days,
        {{ exact_avg('value', 6, 38) }} as mean_value
    from train_interactions
    group by fold, user_key

),

-- What is popular and how old, as a taste: the mean over a user's likes.
tastes as (

    select
        user_items.fold,
        user_items.user_key,
        {{ exact_avg('ln(liked.n_users)', 12, 38) }} as mean_log_popularity,
        {{ exact_avg(
            days_between('items.available_from', 'user_items.last_interaction_at'), 6, 38
        ) }} as mean_liked_age_days,
        {{ exact_avg('epoch(items.available_from) / 86400.0', 6, 38) }} as mean_release_day
    from user_items
    inner join items on user_items.item_key = items.item_key
    inner join (
        select
            fold,
            item_key,
            count(*) as n_users
        from user_items
        group by fold, item_key
    ) as liked
        on user_items.fold = liked.fold and user_items.item_key = liked.item_key
    where user_items.is_positive
    group by user_items.fold, user_items.user_key

),

known as (

    select
        fold,
        user_key
    from counted
    union
    select
        fold,
        user_key
    from fold_users

),

final as (

    select
        known.fold,
        known.user_key,
        coalesce(counted.n_interactions, 0) as n_interactions,
        coalesce(counted.n_positives, 0) as n_positives,
        counted.last_interaction_at,
        counted.user_key is null as is_cold,
        case
            when counted.user_key is not null then
                ntile(3) over (
                    partition by known.fold, counted.user_key is null
                    order by counted.n_interactions, known.user_key
                )
        end as activity_tertile,
        segments.segment,
        segments.segment_label,
        counted.n_positives / counted.n_items as like_rate,
        {{ days_between('counted.last_interaction_at', 'folds.cutoff_at') }}
            as days_since_last_interaction,
        {{ days_between('days.first_interaction_at', 'counted.last_interaction_at') }} as span_days,
        -- Where events have no times, there are no days.
        nullif(days.n_active_days, 0) as n_active_days,
        counted.n_interactions / nullif(days.n_active_days, 0) as interactions_per_active_day,
        days.mean_value,
        tastes.mean_log_popularity,
        tastes.mean_liked_age_days,
        tastes.mean_release_day
    from known
    inner join folds on known.fold = folds.fold
    left join counted
        on known.fold = counted.fold and known.user_key = counted.user_key
    left join days
        on known.fold = days.fold and known.user_key = days.user_key
    left join tastes
        on known.fold = tastes.fold and known.user_key = tastes.user_key
    left join segments on known.user_key = segments.user_key

)

select * from final
