-- One row per fold learned in, ranker, user and rank: the first places that each ranker gave users
-- who were held out while it learned. The blend learns nothing: its lists are what they are.

with ranking_users as (

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
        blend_ranked_candidates.fold,
        blend_ranked_candidates.ranker,
        blend_ranked_candidates.user_key,
        blend_ranked_candidates.item_key,
        blend_ranked_candidates.rank
    from blend_ranked_candidates
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
        placed.user_key,
        placed.item_key,
        placed.rank
    from {{ ranker }}_held_out
    {%- endfor %}

)

select * from final
