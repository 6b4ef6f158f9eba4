-- One row per fold and event that the fold learns from or is tested on. Both parts of a fold are
-- cut here, once, so that no event can be in both.

with interactions as (

    select * from {{ ref('interactions') }}

),

folds as (

    select * from {{ ref('folds') }}

),

{% if 'leave_one_out' in var('splits') %}
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
    from interactions

),
{% else %}
ordered as (

    select
        *,
        cast(null as bigint) as n_likes_after
    from interactions

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
