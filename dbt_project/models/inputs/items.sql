-- One row per item: the id map, and the only place where item keys are made. Keys follow the
-- id: ties go to the lower key, and one that followed time would tell what comes after a cutoff.
-- Facts of the catalogue only: nothing here is counted from events.

with accepted as (

    select * from {{ ref('accepted_interactions') }}

),

staged as (

    select * from {{ staged('items') }}

),

shown as (

    select * from {{ staged('impressions') }}

),

with_events as (

    select item_id
    from accepted
    union
    select item_id
    from shown
    where item_id is not null

),

listed as (

    select
        item_id,
        title,
        extra,
        available_from,
        is_available,
        row_number() over (partition by item_id order by source_row) as nth_of_the_same
    from staged
    where item_id is not null
    qualify nth_of_the_same = 1

),

all_ids as (

    select item_id from with_events
    union
    select item_id from listed

),

keys as (

    {{ kept_keys('all_ids', 'item_id', 'item_key') }}

),

final as (

    select
        keys.item_key,
        keys.item_id,
        coalesce(listed.title, keys.item_id) as title,
        listed.extra,
        listed.available_from,
        coalesce(listed.is_available, true) as is_available,
        listed.item_id is not null as is_listed
    from keys
    left join listed on keys.item_id = listed.item_id

)

select * from final
