-- One row per gate of the var quality_gates: what was measured now and in the last build that
-- passed its gates, of the same data set, and what is wrong. A metric that is not there at all does
-- not pass.

{%- set history = from_the_past(this.schema, 'metrics_history') %}

with metrics as (

    select * from {{ ref('metrics') }}

),

earlier as (

    {% if history is none -%}
    select
        *,
        cast(null as varchar) as run_id
    from metrics
    where false
    {%- else -%}
    select *
    from {{ history }}
    where dataset = {{ quoted(var('dataset')) }}
    qualify dense_rank() over (order by run_at desc, run_id) = 1
    {%- endif %}

),

gates as (

    {% for gate in var('quality_gates') -%}
    {%- set gate = quality_gate(gate) -%}
    select
        {{ quoted(gate.gate) }} as gate,
        {{ quoted(gate.severity) }} as severity,
        {%- for column in ['fold', 'model', 'metric', 'segment_kind', 'segment'] %}
        {{ quoted(gate[column]) }} as {{ column }},
        {%- endfor %}
        cast({{ gate.k }} as integer) as k,
        {%- for limit in ['minimum', 'maximum', 'maximal_drop'] %}
        cast({{ 'null' if gate[limit] is none else gate[limit] }} as double) as {{ limit }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    {{ 'union all' if not loop.last }}
    {% else -%}
    select
        cast(null as varchar) as gate,
        cast(null as varchar) as severity,
        metrics.fold,
        metrics.model,
        metrics.metric,
        metrics.segment_kind,
        metrics.segment,
        metrics.k,
        cast(null as double) as minimum,
        cast(null as double) as maximum,
        cast(null as double) as maximal_drop
    from metrics
    where false
    {%- endfor %}

),

final as (

    select
        gates.gate,
        gates.severity,
        gates.fold,
        gates.model,
        gates.metric,
        gates.k,
        gates.segment_kind,
        gates.segment,
        gates.minimum,
        gates.maximum,
        gates.maximal_drop,
        metrics.value,
        earlier.value as earlier_value,
        case
            when metrics.value is null then 'is not measured'
            when metrics.value < gates.minimum
                then format('is {:.4f}, below {:.4f}', metrics.value, gates.minimum)
            when metrics.value > gates.maximum
                then format('is {:.4f}, above {:.4f}', metrics.value, gates.maximum)
            when earlier.value - metrics.value > gates.maximal_drop
                then format(
                    'is {:.4f}, more than {:.4f} below the {:.4f} of the last build',
                    metrics.value, gates.maximal_drop, earlier.value
                )
        end as problem
    from gates
    left join metrics
        on
            gates.fold = metrics.fold
            and gates.model = metrics.model
            and gates.metric = metrics.metric
            and gates.k = metrics.k
            and gates.segment_kind = metrics.segment_kind
            and gates.segment = metrics.segment
    left join earlier
        on
            gates.fold = earlier.fold
            and gates.model = earlier.model
            and gates.metric = earlier.metric
            and gates.k = earlier.k
            and gates.segment_kind = earlier.segment_kind
            and gates.segment = earlier.segment

)

select * from final
