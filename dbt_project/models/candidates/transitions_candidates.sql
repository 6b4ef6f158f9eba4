{{ config(
    materialized='by_fold',
    in_blocks_of_users=true,
    enabled='transitions' in active_sources(),
) }}

-- One row per fold, user and proposed item: what people liked next after what the user liked last,
-- the very last weighing most.

{{ neighbor_candidates(
    'transitions',
    'item_transitions',
    var('transitions_history'),
    var('transitions_history_decay'),
) }}
