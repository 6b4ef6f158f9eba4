{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false,
) }}

-- One row per build that passed its quality gates, fold, model, metric, cutoff and segment: what
-- was measured each time, of everybody and of the segments that a gate names. It only grows, and
-- survives a full refresh.

with metrics as (

    select * from {{ ref('metrics') }}

),

-- It waits for the gates: what follows a gate that does not hold is not built.
quality_gates as (

    select * from {{ ref('quality_gates') }}

),

list_churn as (

    select * from {{ ref('list_churn') }}

),

interactions as (

    select * from {{ ref('interactions') }}

),

-- The same events in any order have the same fingerprint.
fingerprints as (

    select
        md5(concat_ws(
            ' ',
            count(*),
            sum(cast(
                hash(user_key, item_key, event_type, value, occurred_at) as hugeint
            ))
        )) as data_fingerprint
    from interactions

),

measured as (

    select
        fold,
        model,
        metric,
        k,
        segment_kind,
        segment,
        value,
        ci_low,
        ci_high,
        n_users
    from metrics
    where
        segment_kind = 'all'
        or (fold, model, metric, k, segment_kind, segment) in (
            select
                quality_gates.fold,
                quality_gates.model,
                quality_gates.metric,
                quality_gates.k,
                quality_gates.segment_kind,
                quality_gates.segment
            from quality_gates
        )
    union all
    select
        'live' as fold,
        'final' as model,
        'list_churn' as metric,
        k,
        'all' as segment_kind,
        'all' as segment,
        churn as value,
        ci_low,
        ci_high,
        n_users
    from list_churn

),

final as (

    select
        '{{ invocation_id }}' as run_id,
        {{ run_began_at() }} as run_at,
        nullif({{ quoted(env_var('FORYOU_COMMIT', '')) }}, '') as commit,
        cast({{ quoted(var('dataset')) }} as varchar) as dataset,
        fingerprints.data_fingerprint,
        cast({{ quoted(tojson(invocation_args_dict.vars or {}, sort_keys=true)) }} as json) as vars,
        -- Up to here: the tables that come after it take a moment more.
        {{ seconds_since_run_began() }} as duration_seconds,
        measured.fold,
        measured.model,
        measured.metric,
        measured.k,
        measured.segment_kind,
        measured.segment,
        measured.value,
        measured.ci_low,
        measured.ci_high,
        measured.n_users
    from measured
    cross join fingerprints

)

select * from final
