{{ config(enabled=var('exploration_every') != 0) }}

-- One row per fold and item that exploration slots may show: the exploration_items of which least
-- is known, among those that hardly anybody has met. A bound, since each is drawn for each user.
-- What a rule excludes is not tried either.

with folds as (

    select * from {{ ref('folds') }}

),

items as (

    select * from {{ ref('items') }}

),

item_features as (

    select * from {{ ref('item_features') }}

),

excluded as (

    select * from {{ ref('rule_items') }}
    where action = 'exclude'

),

arms as (

    select * from {{ ref('bandit_arms') }}
    where arm_kind = 'item'

),

placed as (

    select
        arms.fold,
        arms.item_key,
        arms.alpha,
        arms.beta,
        arms.mean,
        cast(
            row_number() over (
                partition by arms.fold
                order by
                    arms.variance desc,
                    item_features.age_days nulls last,
                    -- Where nothing else tells items apart, others have their turn each day.
                    {{ uniform_draw('items.item_id', exploration_day('folds.cutoff_at')) }},
                    arms.item_key
            ) as integer
        ) as place
    from arms
    inner join item_features
        on arms.fold = item_features.fold and arms.item_key = item_features.item_key
    inner join items on arms.item_key = items.item_key
    inner join folds on arms.fold = folds.fold
    anti join excluded
        on arms.fold = excluded.fold and arms.item_key = excluded.item_key
    where item_features.n_users <= {{ var('exploration_max_users') }}

),

final as (

    select * from placed
    where place <= {{ sized('exploration_items') }}

)

select * from final
