-- One row per experiment and variant: the share of the catalogue that its users were shown, and the
-- variance of that share, by a jackknife over jackknife_groups groups of users.

with experiment_users as (

    select * from {{ ref('experiment_users') }}

),

shown_items as (

    select * from {{ ref('shown_items') }}

),

items as (

    select * from {{ ref('items') }}

),

n_items as (

    select count(*) as n_items
    from items

),

-- By how many groups of users an item was shown: left out, a group takes with it the items that
-- no other was shown.
shown as (

    select
        experiment_users.experiment,
        experiment_users.variant,
        shown_items.item_key,
        count(distinct experiment_users.user_key % {{ var('jackknife_groups') }}) as n_groups,
        min(experiment_users.user_key % {{ var('jackknife_groups') }}) as first_group
    from experiment_users
    inner join shown_items
        on
            experiment_users.user_key = shown_items.user_key
            and experiment_users.assigned_at <= shown_items.shown_at
    group by experiment_users.experiment, experiment_users.variant, shown_items.item_key

),

n_shown as (

    select
        experiment,
        variant,
        count(*) as n_shown
    from shown
    group by experiment, variant

),

user_groups as (

    select unnest(range({{ var('jackknife_groups') }})) as user_group

),

left_out as (

    select
        n_shown.experiment,
        n_shown.variant,
        user_groups.user_group,
        n_shown.n_shown - count(shown.item_key) as n_shown
    from n_shown
    cross join user_groups
    left join shown
        on
            n_shown.experiment = shown.experiment
            and n_shown.variant = shown.variant
            and shown.n_groups = 1
            and user_groups.user_group = shown.first_group
    group by n_shown.experiment, n_shown.variant, n_shown.n_shown, user_groups.user_group

),

-- In whole numbers, whose sums do not depend on the order of the groups.
variances as (

    select
        experiment,
        variant,
        ({{ var('jackknife_groups') }} - 1)
        * (count(*) * sum(n_shown * n_shown) - sum(n_shown) * sum(n_shown))
        / (count(*) * count(*)) as variance
    from left_out
    group by experiment, variant

),

n_users as (

    select
        experiment,
        variant,
        count(*) as n_users
    from experiment_users
    group by experiment, variant

),

final as (

    select
        n_shown.experiment,
        n_shown.variant,
        n_users.n_users,
        n_shown.n_shown / n_items.n_items as value,
        variances.variance / (n_items.n_items * n_items.n_items) as variance
    from n_shown
    inner join variances using (experiment, variant)
    inner join n_users using (experiment, variant)
    cross join n_items

)

select * from final
