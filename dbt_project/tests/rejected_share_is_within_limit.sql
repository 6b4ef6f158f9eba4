-- More refused rows than rejected_share_limit: the source has changed, or was never understood.

select
    count(*) as n_rows,
    count(reason) as n_rejected,
    count(reason) / count(*) as rejected_share
from {{ ref('screened_interactions') }}
having count(reason) / count(*) > {{ var('rejected_share_limit') }}
