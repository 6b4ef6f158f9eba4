{{ config(materialized='view') }}

-- One row per experiment, user and variant: who was assigned to what, in experiments that were run
-- or, where there are none, in the one that is replayed.

with experiment_assignments as (

    select * from {{ ref('experiment_assignments') }}

),

{% if replay() %}
replayed_assignments as (

    select * from {{ ref('replayed_assignments') }}

),
{% endif %}

final as (

    select
        experiment,
        user_key,
        variant,
        assigned_at
    from (
        select * from experiment_assignments
        {%- if replay() %}
        union all by name
        select * from replayed_assignments
        {%- endif %}
    ) as assigned

)

select * from final
