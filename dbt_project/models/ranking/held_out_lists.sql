-- One row per fold, ranker, earlier fold, user and rank: the first places that each ranker gave the
-- users of earlier folds who were held out while it learned from the others. The blend learns
-- nothing: its lists are what they are.

with ranker_folds as (

    select * from {{ ref('ranker_folds') }}

),

ranking_users as (

    select * from {{ ref('ranking_users') }}

),

blend_ranked_candidates as (

    select * from {{ ref('blend_ranked_candidates') }}

),

{% for ranker in learned_rankers() %}
{{ ranker }}_held_out as (

    select
        fold,
        ranker,
        unnest(held_out) as placed
    from {{ ref(ranker ~ '_fits') }}

),
{% endfor %}

final as (

    select
        ranker_folds.fold,
        blend_ranked_candidates.ranker,
        ranker_folds.ranker_fold,
        blend_ranked_candidates.user_key,
        blend_ranked_candidates.item_key,
        blend_ranked_candidates.rank
    from ranker_folds
    inner join blend_ranked_candidates on ranker_folds.ranker_fold = blend_ranked_candidates.fold
    semi join ranking_users
        on
            blend_ranked_candidates.fold = ranking_users.fold
            and blend_ranked_candidates.user_key = ranking_users.user_key
    where blend_ranked_candidates.rank <= {{ var('ranker_ndcg_k') }}
    {%- for ranker in learned_rankers() %}
    union all
    select
        fold,
        ranker,
        placed.ranker_fold,
        placed.user_key,
        placed.item_key,
        placed.rank
    from {{ ranker }}_held_out
    {%- endfor %}

)

select * from final
