-- One row per model and cutoff at which it is measured. The list that is served is not measured
-- beyond its own length.

with ks as (

    {% for k in var('metric_ks') | unique -%}
    select {{ k }} as k
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

models as (

    {% for model in active_sources() + ['blend', 'final'] -%}
    select '{{ model }}' as model
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

final as (

    select
        models.model,
        ks.k
    from models
    cross join ks
    where models.model <> 'final' or ks.k <= {{ var('recommendations_k') }}

)

select * from final
