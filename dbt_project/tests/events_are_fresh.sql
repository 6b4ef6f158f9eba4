{{ config(
    severity='warn',
    enabled=has_event_times() and var('freshness_warn_after_days') is not none
) }}

-- The newest event is older than freshness_warn_after_days: has the feed stopped? `dbt source
-- freshness` asks when rows were loaded; old events can be loaded every night.

select max(occurred_at) as newest_event_at
from {{ ref('interactions') }}
having max(occurred_at) < {{ as_of() }} - interval ({{ var('freshness_warn_after_days') or 0 }}) day
