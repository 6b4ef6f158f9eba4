{{ config(enabled=has_surveys()) }}

-- One row per fold, user and item served that an answer of the user speaks for: the one that a
-- reason names. A chosen item whose neighbour it is says most, then the chosen attribute that
-- fewest items have, then a chosen item that it shares an attribute with.

with user_lists as (

    select * from {{ ref('user_lists') }}

),

answers as (

    select * from {{ ref('fold_survey_answers') }}
    where is_liked

),

item_neighbors as (

    select * from {{ ref('item_neighbors') }}

),

item_attributes as (

    select * from {{ ref('item_attributes') }}

),

items as (

    select * from {{ ref('items') }}

),

attribute_sizes as (

    select
        kind,
        attribute,
        count(*) as n_items
    from item_attributes
    group by kind, attribute

),

by_neighbor as (

    select
        user_lists.fold,
        user_lists.user_key,
        user_lists.item_key,
        answers.kind,
        answers.answer,
        answers.item_key as answer_item_key,
        1 as preference,
        item_neighbors.score / item_neighbors.rank as strength
    from user_lists
    inner join answers
        on user_lists.fold = answers.fold and user_lists.user_key = answers.user_key
    inner join item_neighbors
        on
            answers.fold = item_neighbors.fold
            and answers.item_key = item_neighbors.item_key
            and user_lists.item_key = item_neighbors.neighbor_item_key

),

by_attribute as (

    select
        user_lists.fold,
        user_lists.user_key,
        user_lists.item_key,
        answers.kind,
        answers.answer,
        answers.item_key as answer_item_key,
        2 as preference,
        1.0 / attribute_sizes.n_items as strength
    from user_lists
    inner join answers
        on user_lists.fold = answers.fold and user_lists.user_key = answers.user_key
    inner join item_attributes
        on
            user_lists.item_key = item_attributes.item_key
            and answers.kind = item_attributes.kind
            and answers.answer = item_attributes.attribute
    inner join attribute_sizes
        on answers.kind = attribute_sizes.kind and answers.answer = attribute_sizes.attribute
    where answers.item_key is null

),

by_shared_attribute as (

    select
        user_lists.fold,
        user_lists.user_key,
        user_lists.item_key,
        answers.kind,
        answers.answer,
        answers.item_key as answer_item_key,
        3 as preference,
        sum(1.0 / attribute_sizes.n_items) as strength
    from user_lists
    inner join answers
        on user_lists.fold = answers.fold and user_lists.user_key = answers.user_key
    inner join item_attributes as own on user_lists.item_key = own.item_key
    inner join item_attributes as theirs
        on
            answers.item_key = theirs.item_key
            and own.kind = theirs.kind
            and own.attribute = theirs.attribute
    inner join attribute_sizes
        on own.kind = attribute_sizes.kind and own.attribute = attribute_sizes.attribute
    where user_lists.item_key <> answers.item_key
    group by all

),

speaking as (

    select * from by_neighbor
    union all
    select * from by_attribute
    union all
    select * from by_shared_attribute

),

final as (

    select
        speaking.fold,
        speaking.user_key,
        speaking.item_key,
        coalesce(items.title, speaking.answer) as answer,
        speaking.answer_item_key as reason_item_key
    from speaking
    left join items on speaking.answer_item_key = items.item_key
    qualify row_number() over (
        partition by speaking.fold, speaking.user_key, speaking.item_key
        order by
            speaking.preference,
            -- The last bits of a sum depend on its order.
            round(speaking.strength, 12) desc,
            speaking.kind,
            speaking.answer
    ) = 1

)

select * from final
