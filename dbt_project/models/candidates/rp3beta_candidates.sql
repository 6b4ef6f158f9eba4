{{ config(
    materialized='by_fold',
    in_blocks_of_users=true,
    enabled='rp3beta' in active_sources(),
) }}

-- One row per fold, user and proposed item: where a random walk of three steps from the user ends.

{{ neighbor_candidates(
    'rp3beta',
    'rp3beta_neighbors',
    none,
    var('rp3beta_history_decay'),
    scale=13,
) }}
