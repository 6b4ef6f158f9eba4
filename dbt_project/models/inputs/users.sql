-- One row per user: the id map, and the only place where user keys are made. Keys follow the
-- first event, then the id, so that what happens after a cutoff moves no key from before it.

with screened as (

    select * from {{ ref('screened_interactions') }}

),

staged as (

    select * from {{ staged('users') }}

),

first_events as (

    select
        user_id,
        min(occurred_at) as first_event_at
    from screened
    where reason is null
    group by user_id

),

listed as (

    select
        user_id,
        min(signed_up_at) as signed_up_at
    from staged
    where user_id is not null
    group by user_id

),

final as (

    select
        cast(
            row_number() over (
                order by first_events.first_event_at nulls last, user_id
            ) as integer
        ) as user_key,
        user_id,
        listed.signed_up_at,
        listed.user_id is not null as is_listed
    from first_events
    full join listed using (user_id)

)

select * from final
