-- More refused rows than rejected_share_limit: the source has changed, or was never understood.
-- It waits for the refused rows, so that they are there to be looked at; interactions waits for it.

with loaded as (

    select count(*) as n_rows from {{ ref('numbered_interactions') }}

),

rejected as (

    select count(*) as n_rows from {{ ref('rejected_interactions') }}

)

select
    loaded.n_rows as n_loaded,
    rejected.n_rows as n_rejected,
    rejected.n_rows / loaded.n_rows as rejected_share
from loaded
cross join rejected
where rejected.n_rows > {{ var('rejected_share_limit') }} * loaded.n_rows
