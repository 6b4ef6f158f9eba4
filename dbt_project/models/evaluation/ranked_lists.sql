-- One row per evaluated fold, model, user and rank: the lists that are measured, down to the
-- largest cutoff. Every source, every ranker, and `final`, what is served.

with candidates as (

    select * from {{ ref('candidates') }}

),

ranked_candidates as (

    select * from {{ ref('ranked_candidates') }}

),

user_lists as (

    select * from {{ ref('user_lists') }}

),

evaluated_users as (

    select * from {{ ref('evaluated_users') }}
    where segment_kind = 'all'

),

lists as (

    select
        fold,
        source as model,
        user_key,
        item_key,
        rank
    from candidates
    union all
    select
        fold,
        ranker as model,
        user_key,
        item_key,
        rank
    from ranked_candidates
    union all
    select
        fold,
        'final' as model,
        user_key,
        item_key,
        rank
    from user_lists

),

final as (

    select lists.*
    from lists
    semi join evaluated_users using (fold, user_key)
    where lists.rank <= {{ var('metric_ks') | max }}

)

select * from final
