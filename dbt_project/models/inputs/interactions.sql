-- One row per accepted event, with our keys and the one meaning of "positive".

with accepted as (

    select * from {{ ref('accepted_interactions') }}

),

users as (

    select * from {{ ref('users') }}

),

items as (

    select * from {{ ref('items') }}

),

weighed as (

    select
        *,
        cast({{ case_of('event_type', var('event_weights'), '0') }} as double) as weight
    from accepted

),

final as (

    select
        users.user_key,
        items.item_key,
        weighed.event_id,
        weighed.event_type,
        weighed.value,
        weighed.weight,
        {{ is_positive('weighed.event_type', 'weighed.value', 'weighed.weight') }} as is_positive,
        weighed.occurred_at,
        weighed.split,
        weighed.attributes,
        weighed.source_file,
        weighed.source_row
    from weighed
    inner join users on weighed.user_id = users.user_id
    inner join items on weighed.item_id = items.item_id

)

select * from final
