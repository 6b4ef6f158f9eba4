-- One row per fold, user and sponsored item that may be shown to the user as such. Which users
-- those are is drawn by a hash of user and item, at most max_share of the fold's, so that no item
-- takes more than its share and a rebuild asks the same users.
-- depends_on: {{ ref('rule_problems') }}

with folds as (

    select * from {{ ref('folds') }}

),

fold_users as (

    select * from {{ ref('fold_users') }}

),

fold_items as (

    select * from {{ ref('fold_items') }}

),

user_items as (

    select * from {{ ref('user_items') }}

),

users as (

    select * from {{ ref('users') }}

),

items as (

    select * from {{ ref('items') }}

),

sponsored_items as (

    select * from {{ ref('sponsored_items') }}

),

active as (

    select
        folds.fold,
        items.item_key,
        items.item_id,
        sponsored_items.max_share,
        coalesce(sponsored_items.reason, 'Sponsored') as reason
    from sponsored_items
    inner join items on sponsored_items.item_id = items.item_id
    inner join folds
        on
            (
                sponsored_items.valid_from is null
                or sponsored_items.valid_from <= cast(folds.cutoff_at as date)
            )
            and (
                sponsored_items.valid_to is null
                or sponsored_items.valid_to >= cast(folds.cutoff_at as date)
            )
    inner join fold_items on folds.fold = fold_items.fold and items.item_key = fold_items.item_key

),

n_users as (

    select
        fold,
        count(*) as n_users
    from fold_users
    group by fold

),

drawn as (

    select
        active.fold,
        fold_users.user_key,
        active.item_key,
        active.reason,
        active.max_share,
        {{ uniform_draw('users.user_id', 'active.item_id') }} as draw
    from active
    inner join fold_users on active.fold = fold_users.fold
    inner join users on fold_users.user_key = users.user_key
    anti join user_items
        on
            active.fold = user_items.fold
            and fold_users.user_key = user_items.user_key
            and active.item_key = user_items.item_key

),

final as (

    select
        drawn.fold,
        drawn.user_key,
        drawn.item_key,
        drawn.draw,
        drawn.reason
    from drawn
    inner join n_users on drawn.fold = n_users.fold
    qualify row_number() over (
        partition by drawn.fold, drawn.item_key order by drawn.draw, drawn.user_key
    ) <= floor(drawn.max_share * n_users.n_users)

)

select * from final
