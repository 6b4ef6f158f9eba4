-- One row per policy, placement, position, user (null: all alike) and item: how likely the policy
-- shows the item there. Policies of the log are known by what they did: where a propensity changes
-- from day to day, its harmonic mean over the times that the item was shown is its mean over all
-- times. Lists show one item for sure: `final` those of the fold live; in a replay its two lists of
-- holdout and no other, as of what neither shows the log knows nothing.

with logged_actions as (

    select * from {{ ref('logged_actions') }}

),

candidate_policies as (

    select * from {{ ref('candidate_policies') }}

),

{% set its = replay() -%}
{% if its %}
ranked_lists as (

    select * from {{ ref('ranked_lists') }}
    where
        fold = 'holdout'
        and rank <= {{ its.k }}
        and model in {{ in_list([its.control, its.treatment]) }}

),
{% elif 'final' in var('off_policy_targets') %}
placements as (

    select distinct placement from logged_actions

),

user_lists as (

    select * from {{ ref('user_lists') }}
    where fold = 'live'

),
{% endif %}

logged as (

    select
        logging_policy,
        placement,
        position,
        item_key,
        count(*) / {{ exact_sum('1.0 / propensity', 12, 38) }} as probability
    from logged_actions
    group by logging_policy, placement, position, item_key

),

totals as (

    select
        logging_policy,
        placement,
        position,
        {{ exact_sum('probability', 15, 38) }} as probability
    from logged
    group by logging_policy, placement, position

),

final as (

    select
        logged.logging_policy as policy,
        logged.placement,
        logged.position,
        cast(null as integer) as user_key,
        logged.item_key,
        logged.probability / totals.probability as probability
    from logged
    inner join totals using (logging_policy, placement, position)
    where {{ 'logged' in var('off_policy_targets') }}
    union all
    select
        policy,
        placement,
        position,
        user_key,
        item_key,
        probability
    from candidate_policies
    {%- if its %}
    union all
    select
        model as policy,
        'replay' as placement,
        rank as position,
        user_key,
        item_key,
        1.0 as probability
    from ranked_lists
    {%- elif 'final' in var('off_policy_targets') %}
    union all
    select
        'final' as policy,
        placements.placement,
        user_lists.rank as position,
        user_lists.user_key,
        user_lists.item_key,
        1.0 as probability
    from user_lists
    cross join placements
    {%- endif %}

)

select * from final
