{{ config(materialized='view') }}

-- One row per fold, user and proposed item: where each source ranks it, and how its score compares
-- to the best that the source gives the user. Scores of different users do not compare. Read by
-- fold and in blocks of users, by user_item_features and for the online service.

with candidates as (

    select * from {{ ref('candidates') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

relative as (

    select
        fold,
        user_key,
        item_key,
        source,
        rank,
        score / nullif(max(score) over (partition by fold, user_key, source), 0.0) as score
    from candidates

),

final as (

    select
        fold,
        user_key,
        item_key,
        {%- for source in all_sources() %}
        max(rank) filter (where source = '{{ source }}') as {{ source }}_rank,
        max(score) filter (where source = '{{ source }}') as {{ source }}_score,
        {%- endfor %}
        count(*) as n_sources,
        min(rank) as best_rank
    from relative
    group by fold, user_key, item_key

)

select * from final
