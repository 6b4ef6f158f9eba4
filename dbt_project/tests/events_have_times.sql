{{ config(enabled=has_event_times()) }}

-- Where events say when they happened, every accepted one does.

select
    source_file,
    source_row
from {{ ref('interactions') }}
where occurred_at is null
