-- One row per fold that a ranker learns from and user it is learned from: users who had something
-- to find, up to ranker_max_users, and the part that they are held out with: the same in every
-- fold.

with ranker_folds as (

    select * from {{ ref('ranker_folds') }}

),

fold_users as (

    select * from {{ ref('fold_users') }}

),

users as (

    select * from {{ ref('users') }}

),

-- In the order of a hash, so that whoever comes first is drawn at random.
shuffled as (

    select
        user_key,
        row_number() over (order by md5(user_id), user_key) as place
    from users

),

drawn as (

    select
        fold_users.fold,
        fold_users.user_key,
        shuffled.place,
        row_number() over (partition by fold_users.fold order by shuffled.place) as draw
    from fold_users
    inner join shuffled on fold_users.user_key = shuffled.user_key
    where
        fold_users.n_test_positives > 0
        and fold_users.fold in (select ranker_folds.ranker_fold from ranker_folds)

),

final as (

    select
        fold,
        user_key,
        cast(place % {{ var('ranker_held_out_parts') }} as integer) as part
    from drawn
    where draw <= {{ var('ranker_max_users') }}

)

select * from final
