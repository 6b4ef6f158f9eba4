{{ config(materialized='table') }}

{#- Looked for when the model runs: before, and with nothing posted yet, there is no such file. -#}
{%- set files = event_log_files() %}
{%- set is_there = execute and files is not none and not flags.EMPTY and file_exists(files) -%}

with source as (

    {% if is_there -%}
    select
        text_line,
        source_file,
        -- What a process that was killed left of its last line is no event.
        case when json_valid(text_line) then cast(text_line as json) end as posted
    from {{ lines_of(files) }} as lines_of_files
    {%- else -%}
    select
        cast(null as varchar) as text_line,
        cast(null as varchar) as source_file,
        cast(null as json) as posted
    where false
    {%- endif %}

),

renamed as (

    select
        ---------- ids
        posted ->> 'user_id' as user_id,
        posted ->> 'item_id' as item_id,
        posted ->> 'event_id' as event_id,

        ---------- text
        posted ->> 'event_type' as event_type,
        posted ->> 'value' as value_text,
        posted ->> 'occurred_at' as occurred_at_text,
        case when posted is null then text_line end as surplus_text,

        ---------- numerics
        try_cast(posted ->> 'value' as double) as value,

        ---------- timestamps
        {{ any_to_timestamp("(posted ->> 'occurred_at')") }} as occurred_at,

        ---------- where it stands
        source_file,
        -- Only the last line of a file can be torn.
        coalesce(
            try_cast(posted ->> 'seq' as bigint),
            1 + max(try_cast(posted ->> 'seq' as bigint)) over (partition by source_file),
            1
        ) as source_row

    from source

)

select * from renamed
