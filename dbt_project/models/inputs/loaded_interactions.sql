{{ config(materialized='append') }}

-- Every row of the source that was ever read, as staging gave it. A build adds the files that it
-- has not read, or the rows that were loaded since; it makes the table anew where neither can be
-- told (macros/loading).

with staged as (

    select * from {{ staged('interactions') }}

),

final as (

    select
        user_id,
        item_id,
        event_id,
        event_type,
        split,
        value_text,
        occurred_at_text,
        surplus_text,
        attributes,
        value,
        occurred_at,
        {{ loaded_at() }} as loaded_at,
        coalesce(source_file, {{ quoted(var('dataset')) }}) as source_file,
        source_row
    from staged
    where {{ is_not_loaded() }}
    {% if is_staged_by('custom') and not custom_entry('interactions').file -%}
    -- Rows of a table have no order of their own; here they get one, the same in every build.
    order by
        loaded_at nulls first,
        user_id,
        item_id,
        event_type,
        value_text,
        occurred_at_text,
        event_id,
        split,
        attributes
    {%- endif %}

)

select * from final
