{{ config(enabled=replay() is not none) }}

-- One row per user of the replayed experiment: an A/B test of two lists of the fold holdout, told
-- from what people did anyway. A hash of the id draws the list that a user would have been shown.
-- In it is who has something to find and a list of both, so that the variants differ by nothing but
-- the list.

{% set its = replay() or {} -%}
with evaluated_users as (

    select * from {{ ref('evaluated_users') }}
    where fold = 'holdout' and segment_kind = 'all'

),

ranked_lists as (

    select * from {{ ref('ranked_lists') }}
    where fold = 'holdout'

),

test_interactions as (

    select * from {{ ref('test_interactions') }}
    where fold = 'holdout'

),

users as (

    select * from {{ ref('users') }}

),

with_both as (

    select user_key
    from ranked_lists
    where model in {{ in_list([its.control, its.treatment]) }}
    group by user_key
    having count(distinct model) = 2

),

first_events as (

    select
        user_key,
        min(occurred_at) as assigned_at
    from test_interactions
    group by user_key

),

final as (

    select
        'replay' as experiment,
        users.user_key,
        {{ assigned_variant('users.user_id', 'replay', {
            'shares': {its.control: 1, its.treatment: 1}
        }) | indent(8) }} as variant,
        first_events.assigned_at
    from users
    inner join first_events on users.user_key = first_events.user_key
    semi join evaluated_users on users.user_key = evaluated_users.user_key
    semi join with_both on users.user_key = with_both.user_key

)

select * from final
