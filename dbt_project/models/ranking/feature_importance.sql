-- One row per fold that is ranked, ranker and feature: what the ranker makes of it.

with feature_definitions as (

    select * from {{ ref('feature_definitions') }}

),

importances as (

    {% for ranker in learned_rankers() -%}
    select
        fold,
        ranker,
        unnest(importances) as importance
    from {{ ref(ranker ~ '_fits') }}
    {{ 'union all' if not loop.last }}
    {% else -%}
    select
        cast(null as varchar) as fold,
        cast(null as varchar) as ranker,
        cast(
            null as struct(feature varchar, gain double, shap double) -- noqa: PRS
        ) as importance
    where false
    {% endfor %}

),

final as (

    select
        importances.fold,
        importances.ranker,
        feature_definitions.feature,
        struct_extract(importances.importance, 'gain') as gain,
        struct_extract(importances.importance, 'shap') as mean_absolute_shap,
        feature_definitions.description
    from importances
    inner join feature_definitions
        on struct_extract(importances.importance, 'feature') = feature_definitions.feature

)

select * from final
