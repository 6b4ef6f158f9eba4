{{ config(
    materialized='by_fold',
    in_blocks_of_users=true,
    enabled='cooccurrence' in active_sources(),
) }}

-- One row per fold, user and proposed item: the neighbours of what the user liked last, newer
-- likes weighing more.

{{ neighbor_candidates(
    'cooccurrence',
    'item_neighbors',
    sized('cooccurrence_history'),
    var('cooccurrence_history_decay'),
) }}
