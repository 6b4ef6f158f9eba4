-- No fold that is cut by time knows an answer that was given at or after its cutoff.

select
    answers.fold,
    answers.user_key,
    answers.answered_at,
    folds.cutoff_at
from {{ ref('fold_survey_answers') }} as answers
inner join {{ ref('folds') }} as folds on answers.fold = folds.fold
where folds.split = 'time' and not coalesce(answers.answered_at < folds.cutoff_at, false)
