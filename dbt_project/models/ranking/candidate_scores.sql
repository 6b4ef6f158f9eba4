{{ config(materialized='view') }}

-- One row per fold, user and proposed item: where each source ranks it, and how its score compares
-- to the best that the source gives the user. Scores of different users do not compare. Read by
-- fold and in blocks of users, by user_item_features and for the online service.

with candidates as (

    select * from {{ ref('candidates') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

best as (

    select
        fold,
        user_key,
        source,
        max(score) as score
    from candidates
    group by fold, user_key, source

),

relative as (

    select
        candidates.fold,
        candidates.user_key,
        candidates.item_key,
        candidates.source,
        candidates.rank,
        candidates.score / nullif(best.score, 0.0) as score
    from candidates
    inner join best
        on
            candidates.fold = best.fold
            and candidates.user_key = best.user_key
            and candidates.source = best.source

),

final as (

    select
        fold,
        user_key,
        item_key,
        {%- for source in all_sources() %}
        {%- if source in active_sources() %}
        max(rank) filter (where source = '{{ source }}') as {{ source }}_rank,
        max(score) filter (where source = '{{ source }}') as {{ source }}_score,
        {%- else %}
        cast(null as integer) as {{ source }}_rank,
        cast(null as double) as {{ source }}_score,
        {%- endif %}
        {%- endfor %}
        count(*) as n_sources,
        min(rank) as best_rank
    from relative
    group by fold, user_key, item_key

)

select * from final
