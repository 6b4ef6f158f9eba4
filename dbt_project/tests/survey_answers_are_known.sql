{{ config(severity='warn', enabled=has_surveys(), fail_calc='coalesce(sum(n_answers), 0)') }}

-- Says which answers name nothing in the catalogue. They stay in inputs.survey_answers, and propose
-- nothing.

select
    kind,
    answer,
    count(*) as n_answers
from {{ ref('survey_answers') }}
where not is_known
group by kind, answer
