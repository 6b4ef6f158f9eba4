{{ config(materialized='view') }}

-- One row per fold, user and place in the list that is served.

with list_places as (

    select * from {{ ref('list_places') }}

),

final as (

    select
        fold,
        user_key,
        item_key,
        score,
        rank,
        slot,
        is_filler,
        reason as slot_reason
    from list_places
    where rank is not null

)

select * from final
