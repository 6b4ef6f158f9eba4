-- One row per placement, logging policy and policy to be judged: the sums over the log that its
-- value is worked out from. w is how much likelier the policy is to show what was shown, at most
-- off_policy_max_weight; r the click; q what was thought of the item; v what is thought of all that
-- the policy would show there.

with logged_actions as (

    select * from {{ ref('logged_actions') }}

),

policy_probabilities as (

    select * from {{ ref('policy_probabilities') }}

),

reward_estimates as (

    select * from {{ ref('reward_estimates') }}

),

logging_policies as (

    select distinct
        placement,
        logging_policy
    from logged_actions

),

policies as (

    select distinct
        placement,
        policy
    from policy_probabilities

),

judged as (

    select
        logging_policies.placement,
        logging_policies.logging_policy,
        policies.policy
    from logging_policies
    inner join policies on logging_policies.placement = policies.placement
    where logging_policies.logging_policy <> policies.policy

),

-- What is thought of all that a policy would show: an item that the log never had there is worth
-- nothing that is known, and its probability is counted as not covered.
thought_of as (

    select
        policy_probabilities.policy,
        policy_probabilities.placement,
        policy_probabilities.position,
        policy_probabilities.user_key,
        reward_estimates.logging_policy,
        reward_estimates.part,
        {{ exact_sum('policy_probabilities.probability * reward_estimates.reward', 15, 38) }}
            as v,
        {{ exact_sum('policy_probabilities.probability', 15, 38) }} as covered
    from policy_probabilities
    inner join reward_estimates
        on
            policy_probabilities.placement = reward_estimates.placement
            and policy_probabilities.position = reward_estimates.position
            and policy_probabilities.item_key = reward_estimates.item_key
    group by all

),

events as (

    select
        judged.placement,
        judged.logging_policy,
        judged.policy,
        logged_actions.reward as r,
        reward_estimates.reward as q,
        coalesce(of_all.v, of_user.v, 0.0) as v,
        coalesce(of_all.covered, of_user.covered, 0.0) as covered,
        coalesce(of_everybody.probability, of_one.probability, 0.0) / logged_actions.propensity
            as weight
    from logged_actions
    inner join judged
        on
            logged_actions.placement = judged.placement
            and logged_actions.logging_policy = judged.logging_policy
    inner join reward_estimates
        on
            logged_actions.placement = reward_estimates.placement
            and logged_actions.logging_policy = reward_estimates.logging_policy
            and logged_actions.position = reward_estimates.position
            and logged_actions.item_key = reward_estimates.item_key
            and logged_actions.part = reward_estimates.part
    left join policy_probabilities as of_everybody
        on
            judged.policy = of_everybody.policy
            and judged.placement = of_everybody.placement
            and logged_actions.position = of_everybody.position
            and logged_actions.item_key = of_everybody.item_key
            and of_everybody.user_key is null
    left join policy_probabilities as of_one
        on
            judged.policy = of_one.policy
            and judged.placement = of_one.placement
            and logged_actions.position = of_one.position
            and logged_actions.item_key = of_one.item_key
            and logged_actions.user_key = of_one.user_key
    left join thought_of as of_all
        on
            judged.policy = of_all.policy
            and judged.placement = of_all.placement
            and judged.logging_policy = of_all.logging_policy
            and logged_actions.position = of_all.position
            and logged_actions.part = of_all.part
            and of_all.user_key is null
    left join thought_of as of_user
        on
            judged.policy = of_user.policy
            and judged.placement = of_user.placement
            and judged.logging_policy = of_user.logging_policy
            and logged_actions.position = of_user.position
            and logged_actions.part = of_user.part
            and logged_actions.user_key = of_user.user_key

),

clipped as (

    select
        *,
        least(weight, {{ var('off_policy_max_weight') or "cast('inf' as double)" }}) as w
    from events

),

summed as (

    select
        placement,
        logging_policy,
        policy,
        {%- for name, sum in {
            'w': 'w', 'ww': 'w * w', 'wr': 'w * r', 'wrwr': 'w * r * w * r', 'wwr': 'w * w * r',
            'v': 'v', 'vv': 'v * v',
            'd': '(v + w * (r - q))', 'dd': '(v + w * (r - q)) * (v + w * (r - q))',
        }.items() %}
        {{ exact_sum(sum, 12, 38) }} as sum_{{ name }},
        {%- endfor %}
        count(*) as n,
        count(*) filter (where weight > w) as n_clipped,
        max(weight) as largest_weight,
        {{ exact_avg('covered', 12, 38) }} as covered_share
    from clipped
    group by placement, logging_policy, policy

),

{% if replay() %}
replayed_assignments as (

    select * from {{ ref('replayed_assignments') }}

),
{% endif %}

observed as (

    select
        placement,
        logging_policy as policy,
        {{ exact_avg('reward') }} as observed_value,
        count(*) as n_observed
    from logged_actions
    group by placement, logging_policy
    {%- if replay() %}
    union all
    select
        logged_actions.placement,
        replayed_assignments.variant as policy,
        {{ exact_avg('logged_actions.reward') }} as observed_value,
        count(*) as n_observed
    from logged_actions
    inner join replayed_assignments on logged_actions.user_key = replayed_assignments.user_key
    group by logged_actions.placement, replayed_assignments.variant
    {%- endif %}

),

final as (

    select
        summed.*,
        observed.observed_value,
        observed.n_observed
    from summed
    left join observed using (placement, policy)

)

select * from final
