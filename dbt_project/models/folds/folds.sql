-- One row per fold: a cutoff, what is learned from before it and tested after it. The folds before
-- `tune` end where the next one begins. Everything below heeds what the size of the data asks for.
-- depends_on: {{ ref('build_choices') }}

with interactions as (

    select * from {{ ref('interactions') }}

),

cutoffs as (

    select
        {%- for fold in evaluated_folds() %}
        {{ cutoff_at(fold) }} as {{ fold }}_at,
        {%- endfor %}
        min(occurred_at) as started_at,
        -- The first moment after the last event: `live` looks back from here.
        max(occurred_at) + interval 1 second as ended_at
    from interactions

),

{% if 'time' in active_splits() %}
-- A fold that would have nothing to learn from is none.
time_folds as (

    {% for fold in evaluated_folds() -%}
    select
        '{{ fold }}' as fold,
        'time' as split,
        {{ fold }}_at as cutoff_at,
        {{ 'ended_at' if loop.first else loop.previtem ~ '_at' }} as test_until_at,
        cast(null as integer) as n_left_out,
        cast(null as varchar) as test_split
    from cutoffs
    {%- if fold.startswith('earlier') %}
    where {{ fold }}_at > started_at
    {%- endif %}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),
{% endif %}

{% if 'leave_one_out' in active_splits() %}
leave_one_out_folds as (

    {% for fold in evaluated_folds() -%}
    select
        'loo_{{ fold }}' as fold,
        'leave_one_out' as split,
        ended_at as cutoff_at,
        ended_at as test_until_at,
        {{ loop.index }} as n_left_out,
        cast(null as varchar) as test_split
    from cutoffs
    {{ 'union all' if not loop.last }}
    {% endfor %}

),
{% endif %}

{% for split in ['random', 'predefined'] if split in active_splits() %}
{{ split }}_folds as (

    {% for fold, test_split in [('tune', 'validation'), ('holdout', 'test')] -%}
    select
        '{{ split }}_{{ fold }}' as fold,
        '{{ split }}' as split,
        ended_at as cutoff_at,
        ended_at as test_until_at,
        cast(null as integer) as n_left_out,
        '{{ test_split }}' as test_split
    from cutoffs
    {{ 'union all' if not loop.last }}
    {% endfor %}

),
{% endfor %}

live_fold as (

    select
        'live' as fold,
        'live' as split,
        ended_at as cutoff_at,
        cast(null as timestamp) as test_until_at,
        cast(null as integer) as n_left_out,
        cast(null as varchar) as test_split
    from cutoffs

),

final as (

    {% if is_fold_in() -%}
    -- What was measured at the last refit stays, with the cutoffs of that night.
    select * exclude (is_evaluated)
    from {{ this }}
    where is_evaluated
    union all
    {% else -%}
    {% for split in active_splits() %}
    select * from {{ split }}_folds
    union all
    {% endfor %}
    {% endif -%}
    select * from live_fold

)

select
    *,
    split <> 'live' as is_evaluated
from final
{%- if var('folds') is not none %}
where fold in {{ in_list(var('folds')) }}
{%- endif %}
