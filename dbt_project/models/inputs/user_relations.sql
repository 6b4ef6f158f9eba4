-- One row per user, related user and kind of relation that the owner states, such as friend.

with users as (

    select * from {{ ref('users') }}

),

staged as (

    select * from {{ staged('user_relations') }}

),

final as (

    select distinct
        users.user_key,
        related_users.user_key as related_user_key,
        staged.kind
    from staged
    inner join users on staged.user_id = users.user_id
    inner join users as related_users on staged.related_user_id = related_users.user_id
    where users.user_key <> related_users.user_key

)

select * from final
