{{ config(materialized='view') }}

-- One row per row of the source, with its number in the file. A file is read in one piece and in
-- its order, so where staging gives no number, the place in loaded_interactions does.

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

)

select * from final
