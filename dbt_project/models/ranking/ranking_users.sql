-- One row per fold that a ranker is learned in and user it is learned from: users who had something
-- to find, up to ranker_max_users, and the part that they are held out with.

with folds as (

    select * from {{ ref('folds') }}

),

fold_users as (

    select * from {{ ref('fold_users') }}

),

users as (

    select * from {{ ref('users') }}

),

ranker_folds as (

    select distinct ranker_fold as fold
    from folds
    where ranker_fold is not null

),

drawn as (

    select
        fold_users.fold,
        fold_users.user_key,
        row_number() over (
            partition by fold_users.fold order by md5(users.user_id), users.user_key
        ) as place
    from fold_users
    inner join ranker_folds on fold_users.fold = ranker_folds.fold
    inner join users on fold_users.user_key = users.user_key
    where fold_users.n_test_positives > 0

),

final as (

    select
        fold,
        user_key,
        cast(place % {{ var('ranker_held_out_parts') }} as integer) as part
    from drawn
    where place <= {{ var('ranker_max_users') }}

)

select * from final
