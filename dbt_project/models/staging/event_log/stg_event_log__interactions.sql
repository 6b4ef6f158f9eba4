{{ config(materialized='table') }}

{#- Looked for when the model runs: before, and with nothing posted yet, there is no such file. -#}
{%- set files = event_log_files() %}
{%- set is_there = execute and files is not none and not flags.EMPTY and file_exists(files) -%}

with source as (

    {% if is_there -%}
    select
        line,
        source_file,
        -- What a process that was killed left of its last line is no event.
        case when json_valid(line) then cast(line as json) end as event
    from {{ lines_of(files) }} as lines_of_files
    {%- else -%}
    select
        cast(null as varchar) as line,
        cast(null as varchar) as source_file,
        cast(null as json) as event
    where false
    {%- endif %}

),

renamed as (

    select
        ---------- ids
        event ->> 'user_id' as user_id,
        event ->> 'item_id' as item_id,
        event ->> 'event_id' as event_id,

        ---------- text
        event ->> 'event_type' as event_type,
        event ->> 'value' as value_text,
        event ->> 'occurred_at' as occurred_at_text,
        case when event is null then line end as surplus_text,

        ---------- numerics
        try_cast(event ->> 'value' as double) as value,

        ---------- timestamps
        {{ any_to_timestamp("(event ->> 'occurred_at')") }} as occurred_at,

        ---------- where it stands
        source_file,
        -- Only the last line of a file can be torn.
        coalesce(
            try_cast(event ->> 'seq' as bigint),
            1 + max(try_cast(event ->> 'seq' as bigint)) over (partition by source_file),
            1
        ) as source_row

    from source

)

select * from renamed
