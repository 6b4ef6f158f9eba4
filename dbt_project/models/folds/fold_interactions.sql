{{ config(materialized='by_fold') }}

-- One row per fold and event that the fold learns from or is tested on. Both parts of a fold are
-- cut here, once, so that no event can be in both.

with interactions as (

    select * from {{ ref('interactions') }}

),

folds as (

    select * from {{ ref('folds') }}
    where {{ in_current_fold() }}

),

{% if 'random' in active_splits() %}
users as (

    select * from {{ ref('users') }}

),

items as (

    select * from {{ ref('items') }}

),

draws as (

    select
        interactions.*,
        {{ uniform_draw(
            'users.user_id', 'items.item_id', quoted(var('random_split_seed'))
        ) }} as draw
    from interactions
    inner join users on interactions.user_key = users.user_key
    inner join items on interactions.item_key = items.item_key

),

-- Drawn by the ids: a row keeps its part when others come, and all events of a user on an item
-- fall together.
labelled as (

    select
        *,
        case
            when draw < {{ var('random_test_share') }} then 'test'
            when draw < {{ var('random_test_share') + var('random_validation_share') }}
                then 'validation'
            else 'train'
        end as random_split
    from draws

),
{% else %}
labelled as (

    select
        *,
        cast(null as varchar) as random_split
    from interactions

),
{% endif %}

{% if 'leave_one_out' in active_splits() %}
-- What is left out of a user is the last like, or the one before it; times may collide, so the
-- row's place in its file decides.
ordered as (

    select
        *,
        count(*) filter (where is_positive) over (
            partition by user_key
            order by occurred_at desc, source_file desc, source_row desc
            rows between unbounded preceding and current row exclude current row
        ) as n_likes_after
    from labelled

),
{% else %}
ordered as (

    select
        *,
        cast(null as bigint) as n_likes_after
    from labelled

),
{% endif %}

placed as (

    select
        folds.fold,
        case
            when folds.split = 'live' then 'train'
            when folds.split = 'time' and ordered.occurred_at < folds.cutoff_at then 'train'
            when folds.split = 'time' and ordered.occurred_at < folds.test_until_at then 'test'
            when folds.split = 'leave_one_out' and ordered.n_likes_after >= folds.n_left_out
                then 'train'
            when
                folds.split = 'leave_one_out'
                and ordered.is_positive
                and ordered.n_likes_after = folds.n_left_out - 1
                then 'test'
            when folds.split = 'random' and ordered.random_split = 'train' then 'train'
            when folds.split = 'random' and ordered.random_split = folds.test_split then 'test'
            when folds.split = 'predefined' and ordered.split = 'train' then 'train'
            when folds.split = 'predefined' and ordered.split = folds.test_split then 'test'
        end as part,
        ordered.user_key,
        ordered.item_key,
        ordered.event_type,
        ordered.value,
        ordered.weight,
        ordered.is_positive,
        ordered.occurred_at,
        ordered.split,
        ordered.source_file,
        ordered.source_row
    from ordered
    cross join folds

),

final as (

    select * from placed
    where part is not null

)

select * from final
