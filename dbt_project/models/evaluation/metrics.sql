-- One row per fold, model, metric, cutoff and segment. Segments are of users; of items where the
-- metric is a share of exposure or what that share is above that of likes.

with mean_metrics as (

    select * from {{ ref('mean_metrics') }}

),

catalog_metrics as (

    select * from {{ ref('catalog_metrics') }}

),

segment_gaps as (

    select * from {{ ref('segment_gaps') }}

),

item_exposure as (

    select * from {{ ref('item_exposure') }}

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
    union all
    select
        fold,
        model,
        metric || '_gap' as metric,
        k,
        segment_kind,
        best_segment || ' over ' || worst_segment as segment,
        gap as value,
        half_width,
        n_users
    from segment_gaps
    union all
    select
        fold,
        model,
        'exposure_share' as metric,
        k,
        group_kind as segment_kind,
        item_group as segment,
        exposure_share as value,
        cast(null as double) as half_width,
        cast(null as bigint) as n_users
    from item_exposure
    where exposure_share is not null
    union all
    select
        fold,
        model,
        'exposure_gap' as metric,
        k,
        group_kind as segment_kind,
        item_group as segment,
        exposure_share - positive_share as value,
        cast(null as double) as half_width,
        cast(null as bigint) as n_users
    from item_exposure
    where exposure_share - positive_share is not null

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
        coalesce(measured.n_users, evaluated.n_users) as n_users,
        -- Users of the test part who had nothing to find, or fell to max_candidate_users.
        test_users.n_users - evaluated.n_users as n_users_left_out
    from measured
    inner join test_users on measured.fold = test_users.fold
    inner join evaluated on measured.fold = evaluated.fold

)

select * from final
