-- One row per fold and fold that its ranker learns from: all that were tested on before its cutoff,
-- so that no label is of the fold's own time. Earlier folds have rankers of their own in a backtest
-- only: one a fold, each learned from all before it, is much work.

with folds as (

    select * from {{ ref('folds') }}

),

final as (

    select
        folds.fold,
        earlier.fold as ranker_fold
    from folds
    inner join folds as earlier
        on
            earlier.is_evaluated
            and case folds.split
                when 'live' then earlier.split = '{{ active_splits()[0] }}'
                else folds.split = earlier.split
            end
            and case folds.split
                when 'live' then true
                when 'time' then folds.cutoff_at >= earlier.test_until_at
                when 'leave_one_out' then folds.n_left_out < earlier.n_left_out
                else earlier.test_split = 'validation' and folds.test_split = 'test'
            end
    {%- if not var('backtest') %}
    where folds.fold in {{ in_list(last_folds()) }}
    {%- endif %}

)

select * from final
