-- What is excluded is served to nobody; a pin stands on its place with all who have not met the
-- item and have as long a list; no sponsored item is shown to more than its share.

with user_lists as (

    select * from {{ ref('user_lists') }}

),

rule_items as (

    select * from {{ ref('rule_items') }}

),

lengths as (

    select
        fold,
        user_key,
        max(rank) as n_items
    from user_lists
    group by fold, user_key

),

n_users as (

    select
        fold,
        count(*) as n_users
    from lengths
    group by fold

),

pins as (

    select
        rule_items.fold,
        lengths.user_key,
        rule_items.item_key,
        rule_items.rule_id,
        rule_items.value
    from rule_items
    inner join {{ ref('fold_items') }} as fold_items
        on rule_items.fold = fold_items.fold and rule_items.item_key = fold_items.item_key
    inner join lengths on rule_items.fold = lengths.fold and rule_items.value <= lengths.n_items
    anti join {{ ref('user_items') }} as user_items
        on
            rule_items.fold = user_items.fold
            and lengths.user_key = user_items.user_key
            and rule_items.item_key = user_items.item_key
    where rule_items.action = 'pin'

),

shares as (

    select
        user_lists.fold,
        items.item_id,
        count(*) / any_value(n_users.n_users) as shown_share
    from user_lists
    inner join {{ ref('items') }} as items on user_lists.item_key = items.item_key
    inner join n_users on user_lists.fold = n_users.fold
    where user_lists.slot = 'sponsored'
    group by user_lists.fold, items.item_id

)

select
    user_lists.fold,
    user_lists.user_key,
    'shows what ' || rule_items.rule_id || ' excludes' as problem
from user_lists
inner join rule_items
    on user_lists.fold = rule_items.fold and user_lists.item_key = rule_items.item_key
where rule_items.action = 'exclude'
union all
select
    pins.fold,
    pins.user_key,
    'has something else where ' || pins.rule_id || ' pins' as problem
from pins
anti join user_lists
    on
        pins.fold = user_lists.fold
        and pins.user_key = user_lists.user_key
        and pins.item_key = user_lists.item_key
        and pins.value = user_lists.rank
union all
select
    shares.fold,
    null as user_key,
    'shows ' || shares.item_id || ' to more than its share' as problem
from shares
inner join {{ ref('sponsored_items') }} as sponsored_items
    on shares.item_id = sponsored_items.item_id
group by shares.fold, shares.item_id, shares.shown_share
having shares.shown_share > max(sponsored_items.max_share)
