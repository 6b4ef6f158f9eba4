-- One row per fold: a cutoff, what is learned from before it and tested after it, and the fold
-- whose candidates and labels its ranker may be trained on.

{%- set ranker_fold = fold_prefix(active_splits()[0]) ~ 'holdout' %}

with interactions as (

    select * from {{ ref('interactions') }}

),

cutoffs as (

    select
        {{ cutoff_at(var('tune_cutoff')) }} as t1,
        {{ cutoff_at(var('holdout_cutoff')) }} as t2,
        -- The first moment after the last event: `live` looks back from here.
        max(occurred_at) + interval 1 second as ended_at
    from interactions

),

{% if 'time' in active_splits() %}
time_folds as (

    select
        'tune' as fold,
        'time' as split,
        t1 as cutoff_at,
        t2 as test_until_at,
        cast(null as integer) as n_left_out,
        cast(null as varchar) as test_split,
        cast(null as varchar) as ranker_fold
    from cutoffs
    union all
    select
        'holdout' as fold,
        'time' as split,
        t2 as cutoff_at,
        ended_at as test_until_at,
        cast(null as integer) as n_left_out,
        cast(null as varchar) as test_split,
        'tune' as ranker_fold
    from cutoffs

),
{% endif %}

{% if 'leave_one_out' in active_splits() %}
leave_one_out_folds as (

    select
        'loo_tune' as fold,
        'leave_one_out' as split,
        ended_at as cutoff_at,
        ended_at as test_until_at,
        2 as n_left_out,
        cast(null as varchar) as test_split,
        cast(null as varchar) as ranker_fold
    from cutoffs
    union all
    select
        'loo_holdout' as fold,
        'leave_one_out' as split,
        ended_at as cutoff_at,
        ended_at as test_until_at,
        1 as n_left_out,
        cast(null as varchar) as test_split,
        'loo_tune' as ranker_fold
    from cutoffs

),
{% endif %}

{% for split in ['random', 'predefined'] if split in active_splits() %}
{{ split }}_folds as (

    select
        '{{ split }}_tune' as fold,
        '{{ split }}' as split,
        ended_at as cutoff_at,
        ended_at as test_until_at,
        cast(null as integer) as n_left_out,
        'validation' as test_split,
        cast(null as varchar) as ranker_fold
    from cutoffs
    union all
    select
        '{{ split }}_holdout' as fold,
        '{{ split }}' as split,
        ended_at as cutoff_at,
        ended_at as test_until_at,
        cast(null as integer) as n_left_out,
        'test' as test_split,
        '{{ split }}_tune' as ranker_fold
    from cutoffs

),
{% endfor %}

live_fold as (

    select
        'live' as fold,
        'live' as split,
        ended_at as cutoff_at,
        cast(null as timestamp) as test_until_at,
        cast(null as integer) as n_left_out,
        cast(null as varchar) as test_split,
        '{{ ranker_fold }}' as ranker_fold
    from cutoffs

),

final as (

    {% for split in active_splits() %}
    select * from {{ split }}_folds
    union all
    {% endfor %}
    select * from live_fold

)

select
    *,
    split <> 'live' as is_evaluated
from final
{%- if var('folds') is not none %}
where fold in {{ in_list(var('folds')) }}
{%- endif %}
