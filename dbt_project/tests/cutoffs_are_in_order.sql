-- t1 is before t2 and both are within the events. Vars alone cannot tell when one is a share and
-- the other a time.

select
    fold,
    cutoff_at,
    test_until_at
from {{ ref('folds') }}
where split = 'time' and (cutoff_at >= test_until_at or cutoff_at is null)
