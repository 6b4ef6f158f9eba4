-- One row per fold, model, metric, cutoff and segment.

with mean_metrics as (

    select * from {{ ref('mean_metrics') }}

),

catalog_metrics as (

    select * from {{ ref('catalog_metrics') }}

),

test_users as (

    select
        fold,
        count(distinct user_key) as n_users
    from {{ ref('test_interactions') }}
    group by fold

),

evaluated as (

    select
        fold,
        count(*) as n_users
    from {{ ref('evaluated_users') }}
    where segment_kind = 'all'
    group by fold

),

measured as (

    select * from mean_metrics
    union all
    select * from catalog_metrics

),

final as (

    select
        measured.fold,
        measured.model,
        measured.metric,
        measured.k,
        measured.segment_kind,
        measured.segment,
        measured.value,
        measured.value - measured.half_width as ci_low,
        measured.value + measured.half_width as ci_high,
        measured.n_users,
        -- Users of the test part who had nothing to find, or fell to max_candidate_users.
        test_users.n_users - evaluated.n_users as n_users_left_out
    from measured
    inner join test_users on measured.fold = test_users.fold
    inner join evaluated on measured.fold = evaluated.fold

)

select * from final
