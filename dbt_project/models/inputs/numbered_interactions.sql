{{ config(materialized='view') }}

-- One row per row of the source, with its number in the file. A file is read in one piece and in
-- its order, so where staging gives no number, the place in loaded_interactions does. What was
-- posted to the online service stands beside it.

with loaded as (

    select
        *,
        rowid as place
    -- The table itself, also with --empty: a row of a subquery has no place.
    from {{ ref('loaded_interactions').render() }}

),

-- Not from `loaded`: DuckDB writes down what is read twice, all columns of all rows.
files as (

    select
        source_file,
        min(rowid) as first_place
    from {{ ref('loaded_interactions').render() }}
    group by source_file

),

posted as (

    select * from {{ ref('stg_event_log__interactions') }}

),

final as (

    select
        loaded.user_id,
        loaded.item_id,
        loaded.event_id,
        loaded.event_type,
        loaded.split,
        loaded.value_text,
        loaded.occurred_at_text,
        loaded.surplus_text,
        loaded.attributes,
        loaded.value,
        loaded.occurred_at,
        loaded.source_file,
        coalesce(loaded.source_row, loaded.place - files.first_place + 1) as source_row
    from loaded
    inner join files on loaded.source_file = files.source_file
    union all
    select
        user_id,
        item_id,
        event_id,
        event_type,
        null as split,
        value_text,
        occurred_at_text,
        surplus_text,
        null as attributes,
        value,
        occurred_at,
        source_file,
        source_row
    from posted

)

select * from final
