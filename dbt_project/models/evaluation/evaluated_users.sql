-- One row per evaluated fold, user with something to find, and segment the user is in. Everybody
-- is in `all`.

with folds as (

    select * from {{ ref('folds') }}

),

fold_users as (

    select * from {{ ref('fold_users') }}

),

user_features as (

    select * from {{ ref('user_features') }}

),

user_attributes as (

    select * from {{ ref('user_attributes') }}

),

evaluated as (

    select
        fold_users.fold,
        fold_users.user_key,
        fold_users.is_cold,
        user_features.n_interactions,
        user_features.activity_tertile
    from fold_users
    inner join folds on fold_users.fold = folds.fold
    inner join user_features
        on
            fold_users.fold = user_features.fold
            and fold_users.user_key = user_features.user_key
    where folds.is_evaluated and fold_users.n_test_positives > 0

),

final as (

    select
        fold,
        user_key,
        'all' as segment_kind,
        'all' as segment
    from evaluated
    union all
    select
        fold,
        user_key,
        'history' as segment_kind,
        case when is_cold then 'cold' else 'warm' end as segment
    from evaluated
    union all
    select
        fold,
        user_key,
        'n_events' as segment_kind,
        case
            {%- for lowest in var('warm_up_bins') %}
            {%- if loop.last %}
            else '{{ lowest }}+'
            {%- else %}
            {%- set highest = loop.nextitem - 1 %}
            when n_interactions <= {{ highest }}
                then '{{ lowest if lowest == highest else lowest ~ '–' ~ highest }}'
            {%- endif %}
            {%- endfor %}
        end as segment
    from evaluated
    union all
    select
        fold,
        user_key,
        'activity_tertile' as segment_kind,
        cast(activity_tertile as varchar) as segment
    from evaluated
    where activity_tertile is not null
    union all
    select
        evaluated.fold,
        evaluated.user_key,
        user_attributes.kind as segment_kind,
        user_attributes.attribute as segment
    from evaluated
    inner join user_attributes on evaluated.user_key = user_attributes.user_key
    where user_attributes.kind in {{ in_list(var('metric_segments')) }}

)

select * from final
