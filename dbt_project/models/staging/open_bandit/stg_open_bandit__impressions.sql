{{ config(enabled=is_staged_by('open_bandit')) }}

with source as (

    select
        *,
        file_row_number + 1 as source_row
    from {{ source('open_bandit', 'log') }}

),

renamed as (

    select
        ---------- ids
        {{ open_bandit_id() }} as user_id,
        campaign || '/' || item_id as item_id,

        ---------- text
        campaign as placement,
        behavior_policy as policy,

        ---------- numerics
        cast(position as integer) as position,
        propensity_score as propensity,

        ---------- booleans
        click = 1 as clicked,

        ---------- timestamps
        cast(cast(timestamp as timestamptz) as timestamp) as shown_at

    from source

)

select * from renamed
