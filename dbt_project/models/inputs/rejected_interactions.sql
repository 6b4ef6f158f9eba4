{{ config(post_hook='{{ warn_of_rejected_rows(this) }}') }}

-- One row per refused row, as it came and with the first thing that is wrong with it. Nothing is
-- lost on the way in.

-- Read in two places: written down in between, every row would cost its whole width.
with numbered as not materialized (

    select
        *,
        case when trim(event_id) <> '' then event_id end as known_event_id
    from {{ ref('numbered_interactions') }}

),

judged as not materialized (

    select
        *,
        case
            when
                surplus_text is not null
                and coalesce(user_id, item_id, value_text, occurred_at_text) is null
                then 'line cannot be read'
            when surplus_text is not null then 'line has too many fields'
            when user_id is null or trim(user_id) = '' then 'user_id is missing'
            when item_id is null or trim(item_id) = '' then 'item_id is missing'
            when {{ is_malformed_id('user_id') }} then 'user_id is malformed'
            when {{ is_malformed_id('item_id') }} then 'item_id is malformed'
            when event_type is null or trim(event_type) = '' then 'event type is missing'
            when value is null and trim(value_text) <> '' then 'value is not a number'
            when not isfinite(value) then 'value is not finite'
            when value is null and event_type in {{ in_list(var('value_ranges')) }}
                then 'value is missing'
            when not coalesce(
                value between {{ case_of('event_type', var('value_ranges'), 'value', 0) }}
                and {{ case_of('event_type', var('value_ranges'), 'value', 1) }},
                true
            ) then 'value is out of range'
            {% if has_event_times() -%}
            when occurred_at is null and coalesce(trim(occurred_at_text), '') = ''
                then 'time is missing'
            when occurred_at is null then 'time is not a time'
            when occurred_at < cast('{{ var('not_before') }}' as timestamp)
                then 'time is too long ago'
            when occurred_at >= {{ as_of() }} then 'time is in the future'
            {%- endif %}
        end as reason,
        -- The owner's key of an event names it; without one, all that is known of it does.
        case
            when known_event_id is not null then hash(known_event_id)
            else hash(user_id, item_id, event_type, value, occurred_at)
        end as event_hash
    from numbered

),

-- Few rows share this number with another, and no others can be the same event.
shared as (

    select event_hash
    from judged
    group by event_hash
    having count(*) > 1

),

suspected as (

    select judged.*
    from judged
    inner join shared on judged.event_hash = shared.event_hash
    where judged.reason is null

),

compared as (

    select
        *,
        row_number() over (
            partition by
                coalesce(known_event_id, user_id),
                case when known_event_id is null then item_id end,
                case when known_event_id is null then event_type end,
                case when known_event_id is null then value end,
                case when known_event_id is null then occurred_at end
            -- Of several events under one key the same one stays, in whatever order they come.
            order by
                occurred_at,
                user_id,
                item_id,
                event_type,
                value,
                event_id,
                split,
                attributes,
                source_file,
                source_row
        ) as nth_of_the_same
    from suspected

),

refused as (

    select * from judged
    where reason is not null
    union all by name
    select
        * exclude (reason, nth_of_the_same),
        case
            when known_event_id is not null then 'event_id is that of another row'
            else 'duplicate of an earlier row'
        end as reason
    from compared
    where nth_of_the_same > 1

),

final as (

    select
        user_id,
        item_id,
        event_id,
        event_type,
        value_text as value,
        occurred_at_text as occurred_at,
        split,
        surplus_text as surplus,
        attributes,
        reason,
        source_file,
        source_row
    from refused

)

select * from final
