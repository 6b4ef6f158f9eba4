{{ config(enabled=replay() is not none) }}

-- One row per user of the replayed experiment, day with an event, and item that the list of the
-- user's variant would have shown on that day: its first items that the user has not met before. It
-- counts as clicked if the user liked it on that day.
--
-- People found what they liked without the list, so a replay knows of no click that a list would
-- have added: it says which list is nearer to what people choose anyway.

{% set its = replay() or {} -%}
with replayed_assignments as (

    select * from {{ ref('replayed_assignments') }}

),

ranked_lists as (

    select * from {{ ref('ranked_lists') }}
    where fold = 'holdout' and model in {{ in_list([its.control, its.treatment]) }}

),

test_interactions as (

    select * from {{ ref('test_interactions') }}
    where fold = 'holdout'

),

visits as (

    select
        user_key,
        cast(occurred_at as date) as day,
        min(occurred_at) as shown_at
    from test_interactions
    group by user_key, cast(occurred_at as date)

),

-- The first time that the user met an item, and the days on which it was liked.
meetings as (

    select
        user_key,
        item_key,
        min(occurred_at) as met_at
    from test_interactions
    group by user_key, item_key

),

likes as (

    select distinct
        user_key,
        item_key,
        cast(occurred_at as date) as day
    from test_interactions
    where is_positive

),

-- What either list would have shown, whichever the user was given.
places as (

    select
        replayed_assignments.user_key,
        replayed_assignments.variant,
        replayed_assignments.assigned_at,
        visits.day,
        visits.shown_at,
        ranked_lists.model,
        ranked_lists.item_key,
        cast(
            row_number() over (
                partition by replayed_assignments.user_key, visits.day, ranked_lists.model
                order by ranked_lists.rank
            ) as integer
        ) as position
    from replayed_assignments
    inner join visits on replayed_assignments.user_key = visits.user_key
    inner join ranked_lists on replayed_assignments.user_key = ranked_lists.user_key
    anti join meetings
        on
            ranked_lists.user_key = meetings.user_key
            and ranked_lists.item_key = meetings.item_key
            and visits.shown_at > meetings.met_at

),

shown as (

    select
        user_key,
        variant,
        assigned_at,
        day,
        shown_at,
        model,
        item_key,
        position,
        -- Each variant has half of the users.
        count(*) over (partition by user_key, day, item_key, position) / 2 as propensity
    from places
    where position <= {{ its.k or 1 }}

),

final as (

    select
        shown.user_key,
        shown.item_key,
        shown.shown_at,
        'replay' as placement,
        shown.position,
        'replay' as policy,
        -- What is shown on later days hangs on what was met since, which no policy that
        -- policy_probabilities can tell of does.
        case when shown.shown_at = shown.assigned_at then shown.propensity end as propensity,
        likes.user_key is not null as clicked,
        cast(null as double) as dwell_seconds
    from shown
    left join likes
        on
            shown.user_key = likes.user_key
            and shown.item_key = likes.item_key
            and shown.day = likes.day
    where shown.model = shown.variant

)

select * from final
