{{ config(severity='warn', fail_calc='coalesce(sum(n_rows), 0)') }}

-- Says how many rows were refused, and why. They are in inputs.rejected_interactions.

select
    reason,
    count(*) as n_rows
from {{ ref('rejected_interactions') }}
group by reason
