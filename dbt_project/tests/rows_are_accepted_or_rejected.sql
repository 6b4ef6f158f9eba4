-- Every row of the source is in one table or the other: nothing is lost, nothing is doubled.

with loaded as (

    select count(*) as n_rows from {{ ref('numbered_interactions') }}

),

accepted as (

    select count(*) as n_rows from {{ ref('interactions') }}

),

rejected as (

    select count(*) as n_rows from {{ ref('rejected_interactions') }}

)

select
    loaded.n_rows as n_loaded,
    accepted.n_rows as n_accepted,
    rejected.n_rows as n_rejected
from loaded
cross join accepted
cross join rejected
where loaded.n_rows <> accepted.n_rows + rejected.n_rows
