-- One row per fold and item that may be recommended in it: switched on, and out by the cutoff. An
-- item that somebody has met before the cutoff is out, whatever its catalogue date says.

with folds as (

    select * from {{ ref('folds') }}

),

items as (

    select * from {{ ref('items') }}

),

user_items as (

    select * from {{ ref('user_items') }}

),

met as (

    select distinct
        fold,
        item_key
    from user_items

),

final as (

    select
        folds.fold,
        items.item_key,
        met.item_key is null as is_cold
    from folds
    cross join items
    left join met on folds.fold = met.fold and items.item_key = met.item_key
    where
        items.is_available
        and (
            met.item_key is not null
            or items.available_from is null
            or items.available_from < folds.cutoff_at
            -- Folds that are not cut by time have no cutoff where events have no times.
            or folds.cutoff_at is null
        )

)

select * from final
