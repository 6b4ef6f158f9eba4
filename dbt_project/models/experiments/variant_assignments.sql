-- One row per experiment that the var `experiments` gives shares for, and user in it: the variant
-- that the user is to be given. It follows from the user's id, so that it never changes, and an
-- application can work it out itself for a person who is not here yet.

with users as (

    select * from {{ ref('users') }}

),

assigned as (

    {% set declared = [] -%}
    {% for experiment, its in var('experiments').items() if its.shares -%}
    {% do declared.append(experiment) -%}
    {% endfor -%}
    {% for experiment in declared -%}
    select
        {{ quoted(experiment) }} as experiment,
        user_id,
        {{ assigned_variant('user_id', experiment, var('experiments')[experiment]) | indent(8) }}
            as variant
    from users
    {{ 'union all' if not loop.last }}
    {% else -%}
    select
        cast(null as varchar) as experiment,
        user_id,
        cast(null as varchar) as variant
    from users
    where false
    {%- endfor %}

),

final as (

    select
        experiment,
        user_id,
        variant
    from assigned
    where variant is not null

)

select * from final
