-- From the ranker's place of an item, the rows of the audit lead to its place on the list: what
-- stands where the ranker put it has none, or rows that lead back there.

with list_places as (

    select * from {{ ref('list_places') }}

),

users as (

    select * from {{ ref('users') }}

),

items as (

    select * from {{ ref('items') }}

),

audit as (

    select
        fold,
        user_id,
        item_id,
        arg_min(rank_before, step) as first_rank,
        arg_max(rank_after, step) as last_rank,
        max(step) as last_step,
        max(step) filter (where rank_after is not null) as last_step_on_the_list
    from {{ ref('recommendation_audit') }}
    group by fold, user_id, item_id

)

select
    list_places.fold,
    users.user_id,
    items.item_id,
    list_places.rank_by_ranker,
    list_places.rank
from list_places
inner join users on list_places.user_key = users.user_key
inner join items on list_places.item_key = items.item_key
left join audit
    on
        list_places.fold = audit.fold
        and users.user_id = audit.user_id
        and items.item_id = audit.item_id
where
    case
        when audit.item_id is null
            then list_places.rank is distinct from list_places.rank_by_ranker
        when audit.last_step_on_the_list = audit.last_step
            then list_places.rank is distinct from audit.last_rank
        else list_places.rank is not null
    end
