-- No fold that is cut by time learns from an event at or after its cutoff.

select
    train_interactions.fold,
    train_interactions.source_file,
    train_interactions.source_row,
    train_interactions.occurred_at,
    folds.cutoff_at
from {{ ref('train_interactions') }} as train_interactions
inner join {{ ref('folds') }} as folds on train_interactions.fold = folds.fold
where train_interactions.occurred_at >= folds.cutoff_at
