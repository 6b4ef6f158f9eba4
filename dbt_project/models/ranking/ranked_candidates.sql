{{ config(materialized='view') }}

-- One row per fold, ranker, user and candidate.

with
{% for ranker in ['blend'] + learned_rankers() %}
{{ ranker }}_ranked_candidates as (

    select * from {{ ref(ranker ~ '_ranked_candidates') }}

),
{% endfor %}

final as (

    {% for ranker in ['blend'] + learned_rankers() %}
    select
        fold,
        ranker,
        user_key,
        item_key,
        score,
        rank
    from {{ ranker }}_ranked_candidates
    {{ 'union all' if not loop.last }}
    {%- endfor %}

)

select * from final
