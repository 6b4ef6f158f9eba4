-- One row per fold, model and cutoff at which it is measured: not a ranker in a fold that it has
-- not learned for, nor the list that is served beyond its own length.

with folds as (

    select * from {{ ref('folds') }}

),

ranker_choice as (

    select * from {{ ref('ranker_choice') }}

),

ks as (

    {% for k in var('metric_ks') | unique -%}
    select {{ k }} as k
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

models as (

    {% for model in active_sources() + ['blend'] + learned_rankers() + ['final'] -%}
    select '{{ model }}' as model
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

final as (

    select
        folds.fold,
        models.model,
        ks.k
    from folds
    cross join models
    cross join ks
    left join ranker_choice
        on folds.fold = ranker_choice.fold and models.model = ranker_choice.ranker
    where
        (models.model <> 'final' or ks.k <= {{ var('recommendations_k') }})
        and coalesce(ranker_choice.is_scored, true)

)

select * from final
