-- More refused rows than rejected_share_limit: the source has changed, or was never understood.
-- It waits for the refused rows, so that they are there to be looked at; interactions waits for it.

with screened as (

    select count(*) as n_rows from {{ ref('screened_interactions') }}

),

rejected as (

    select count(*) as n_rows from {{ ref('rejected_interactions') }}

)

select
    screened.n_rows as n_screened,
    rejected.n_rows as n_rejected,
    rejected.n_rows / screened.n_rows as rejected_share
from screened
cross join rejected
where rejected.n_rows > {{ var('rejected_share_limit') }} * screened.n_rows
