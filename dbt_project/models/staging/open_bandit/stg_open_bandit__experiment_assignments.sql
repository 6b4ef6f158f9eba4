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

        ---------- text
        campaign as experiment,
        behavior_policy as variant,

        ---------- timestamps
        cast(cast(timestamp as timestamptz) as timestamp) as assigned_at

    from source

)

select * from renamed
