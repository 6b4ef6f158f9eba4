-- Every row of the source is in one table or the other: nothing is lost, nothing is doubled.

with screened as (

    select count(*) as n_rows from {{ ref('screened_interactions') }}

),

accepted as (

    select count(*) as n_rows from {{ ref('interactions') }}

),

rejected as (

    select count(*) as n_rows from {{ ref('rejected_interactions') }}

)

select
    screened.n_rows as n_screened,
    accepted.n_rows as n_accepted,
    rejected.n_rows as n_rejected
from screened
cross join accepted
cross join rejected
where screened.n_rows <> accepted.n_rows + rejected.n_rows
