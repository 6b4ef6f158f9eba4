-- One row per fold, user, kind and answer that the fold knows of: of each the last before the
-- cutoff. Folds that are not cut by time, and `live`, know all.

with folds as (

    select * from {{ ref('folds') }}

),

survey_answers as (

    select * from {{ ref('survey_answers') }}

),

final as (

    select
        folds.fold,
        survey_answers.user_key,
        survey_answers.kind,
        survey_answers.answer,
        survey_answers.item_key,
        survey_answers.is_liked,
        survey_answers.weight,
        survey_answers.answered_at
    from folds
    inner join survey_answers
        on folds.split <> 'time' or folds.cutoff_at > survey_answers.answered_at
    where survey_answers.is_known
    qualify row_number() over (
        partition by
            folds.fold, survey_answers.user_key, survey_answers.kind, survey_answers.answer
        order by survey_answers.answered_at desc nulls last
    ) = 1

)

select * from final
