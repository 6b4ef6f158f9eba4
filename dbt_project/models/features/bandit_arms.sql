{{ config(enabled=var('exploration_every') != 0) }}

-- One row per fold and arm: how likely it is to be clicked, as a Beta distribution, from what was
-- shown before the cutoff and what of it was clicked. An arm is an item, or a source (what chose an
-- item, where the log says so).
--
-- Where a fold has no impressions, meetings of users and items stand in for them, and likes for
-- clicks. That is less: people choose what they meet, so it says how an item is liked by those whom
-- it attracted, not how many it would attract.

with folds as (

    select * from {{ ref('folds') }}

),

fold_items as (

    select * from {{ ref('fold_items') }}

),

impressions as (

    select * from {{ ref('impressions') }}

),

test_interactions as (

    select * from {{ ref('test_interactions') }}

),

user_items as (

    select * from {{ ref('user_items') }}

),

-- Folds that are not cut by time test pairs from any time: what was shown of those is not known.
tested_pairs as (

    select distinct
        test_interactions.fold,
        test_interactions.user_key,
        test_interactions.item_key
    from test_interactions
    inner join folds on test_interactions.fold = folds.fold
    where folds.split <> 'time'

),

-- Without event times there is no cutoff, and the newest impression is today.
ends as (

    select max(shown_at) as ended_at
    from impressions

),

known_impressions as (

    select
        folds.fold,
        impressions.item_key,
        impressions.policy,
        impressions.clicked,
        {{ half_life_decay(
            days_between('impressions.shown_at', 'coalesce(folds.cutoff_at, ends.ended_at)'),
            var('bandit_half_life_days')
        ) }} as weight
    from folds
    inner join impressions
        on folds.cutoff_at is null or folds.cutoff_at > impressions.shown_at
    cross join ends
    anti join tested_pairs
        on
            folds.fold = tested_pairs.fold
            and impressions.user_key = tested_pairs.user_key
            and impressions.item_key = tested_pairs.item_key

),

trials as (

    select
        fold,
        'item' as arm_kind,
        cast(item_key as varchar) as arm,
        'impressions' as evidence,
        clicked as is_success,
        weight
    from known_impressions
    union all
    select
        fold,
        'source' as arm_kind,
        policy as arm,
        'impressions' as evidence,
        clicked as is_success,
        weight
    from known_impressions
    where policy is not null
    union all
    select
        user_items.fold,
        'item' as arm_kind,
        cast(user_items.item_key as varchar) as arm,
        'interactions' as evidence,
        user_items.is_positive as is_success,
        -- A meeting without a time is as good as today's.
        coalesce(
            {{ half_life_decay(
                days_between('user_items.last_interaction_at', 'folds.cutoff_at'),
                var('bandit_half_life_days')
            ) }},
            1.0
        ) as weight
    from user_items
    inner join folds on user_items.fold = folds.fold
    anti join known_impressions on user_items.fold = known_impressions.fold

),

counted as (

    select
        fold,
        arm_kind,
        arm,
        evidence,
        {{ exact_sum('weight') }} as n_trials,
        {{ exact_sum('case when is_success then weight else 0.0 end') }} as n_successes
    from trials
    group by fold, arm_kind, arm, evidence

),

-- The prior is empirical Bayes in its mean: the rate of all arms together, half a success in one
-- trial added so that it is never 0 or 1. It weighs bandit_prior_successes of the rarer outcome.
rates as (

    select
        fold,
        arm_kind,
        evidence,
        ({{ exact_sum('n_successes') }} + 0.5) / ({{ exact_sum('n_trials') }} + 1.0) as rate
    from counted
    group by fold, arm_kind, evidence

),

priors as (

    select
        fold,
        arm_kind,
        evidence,
        {{ var('bandit_prior_successes') }} * rate / least(rate, 1.0 - rate) as prior_alpha,
        {{ var('bandit_prior_successes') }} * (1.0 - rate) / least(rate, 1.0 - rate) as prior_beta
    from rates

),

arms as (

    select
        fold_items.fold,
        'item' as arm_kind,
        cast(fold_items.item_key as varchar) as arm,
        fold_items.item_key
    from fold_items
    union all
    select
        fold,
        arm_kind,
        arm,
        cast(null as integer) as item_key
    from counted
    where arm_kind = 'source'

),

posteriors as (

    select
        arms.fold,
        arms.arm_kind,
        arms.arm,
        arms.item_key,
        coalesce(priors.evidence, 'none') as evidence,
        coalesce(counted.n_trials, 0.0) as n_trials,
        coalesce(counted.n_successes, 0.0) as n_successes,
        coalesce(priors.prior_alpha, {{ var('bandit_prior_successes') }})
        + coalesce(counted.n_successes, 0.0) as alpha,
        coalesce(priors.prior_beta, {{ var('bandit_prior_successes') }})
        + coalesce(counted.n_trials - counted.n_successes, 0.0) as beta
    from arms
    left join priors on arms.fold = priors.fold and arms.arm_kind = priors.arm_kind
    left join counted
        on
            arms.fold = counted.fold
            and arms.arm_kind = counted.arm_kind
            and arms.arm = counted.arm

),

final as (

    select
        fold,
        arm_kind,
        arm,
        item_key,
        evidence,
        n_trials,
        n_successes,
        alpha,
        beta,
        alpha / (alpha + beta) as mean,
        alpha * beta / ((alpha + beta) * (alpha + beta) * (alpha + beta + 1.0)) as variance
    from posteriors

)

select * from final
