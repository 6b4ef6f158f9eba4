{{ config(materialized='view') }}

-- One row per evaluated fold, model, user and cutoff: every metric that is a mean over users,
-- one column each, so that a mean can be opened down to the users that made it.

with folds as (

    select * from {{ ref('folds') }}

),

user_accuracy as (

    select * from {{ ref('user_accuracy') }}

),

user_list_quality as (

    select * from {{ ref('user_list_quality') }}

),

final as (

    select
        user_accuracy.fold,
        folds.cutoff_at,
        user_accuracy.model,
        user_accuracy.user_key,
        user_accuracy.k,
        user_accuracy.recall,
        user_accuracy.recall_capped,
        user_accuracy.precision,
        user_accuracy.hit_rate,
        user_accuracy.ndcg,
        user_accuracy.map,
        user_accuracy.mrr,
        user_accuracy.serendipity,
        user_accuracy.recall_ips,
        user_accuracy.ndcg_ips,
        user_list_quality.user_coverage,
        user_list_quality.diversity,
        user_list_quality.novelty,
        user_list_quality.popularity_bias,
        user_list_quality.freshness,
        user_list_quality.calibration_kl,
        user_list_quality.has_new_item,
        user_list_quality.days_since_exposure
    from user_accuracy
    inner join user_list_quality using (fold, model, user_key, k)
    inner join folds on user_accuracy.fold = folds.fold

)

select * from final
