{{ config(post_hook='{{ say_choices() }}') }}

-- One row per var that by_events has values for: the one of this build. A var that was given a value
-- other than its default keeps it.

with interactions as (

    select * from {{ ref('interactions') }}

),

sizes as (

    select count(*) as n_events from interactions

),

declared as (

    {% for name, values in var('by_events').items() -%}
    {% set loop_of_names = loop -%}
    {% for from_events, value in values.items() -%}
    select
        '{{ name }}' as name,
        {{ from_events }} as from_events,
        {{ quoted(tojson(value)) }} as value,
        {{ quoted(tojson(values[0])) }} as default_value,
        {{ quoted(tojson(var(name))) }} as own_value
    {{ 'union all' if not (loop.last and loop_of_names.last) }}
    {% endfor -%}
    {% else -%}
    select
        cast(null as varchar) as name,
        cast(null as bigint) as from_events,
        cast(null as varchar) as value,
        cast(null as varchar) as default_value,
        cast(null as varchar) as own_value
    where false
    {% endfor %}

),

final as (

    select
        declared.name,
        case
            when any_value(declared.own_value) <> any_value(declared.default_value)
                then any_value(declared.own_value)
            else arg_max(declared.value, declared.from_events)
        end as value,
        any_value(declared.default_value) as default_value,
        any_value(declared.own_value) = any_value(declared.default_value)
        and arg_max(declared.value, declared.from_events) <> any_value(declared.default_value)
            as is_cheaper,
        case
            when any_value(declared.own_value) <> any_value(declared.default_value)
                then 'set by a var'
            else format('{:,}', any_value(sizes.n_events)) || ' events'
        end as reason
    from declared
    inner join sizes on declared.from_events <= sizes.n_events
    group by declared.name
    {%- if var('refit') != 'nightly' %}
    union all
    select
        'night' as name,
        '{{ tojson(night()) }}' as value,
        '"refit"' as default_value,
        {{ night() == 'fold_in' }} as is_cheaper,
        'the var refit' as reason
    {%- endif %}

)

select * from final
