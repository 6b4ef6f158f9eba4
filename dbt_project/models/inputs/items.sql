-- One row per item: the id map, and the only place where item keys are made. Keys follow the
-- first event, then the id, so that what happens after a cutoff moves no key from before it.
-- Facts of the catalogue only: nothing here is counted from events.

with screened as (

    select * from {{ ref('screened_interactions') }}

),

staged as (

    select * from {{ staged('items') }}

),

first_events as (

    select
        item_id,
        min(occurred_at) as first_event_at
    from screened
    where reason is null
    group by item_id

),

listed as (

    select
        item_id,
        title,
        available_from,
        is_available,
        row_number() over (partition by item_id order by source_row) as nth_of_the_same
    from staged
    where item_id is not null
    qualify nth_of_the_same = 1

),

final as (

    select
        cast(
            row_number() over (
                order by first_events.first_event_at nulls last, item_id
            ) as integer
        ) as item_key,
        item_id,
        coalesce(listed.title, item_id) as title,
        listed.available_from,
        coalesce(listed.is_available, true) as is_available,
        listed.item_id is not null as is_listed
    from first_events
    full join listed using (item_id)

)

select * from final
