-- One row per user, kind, answer and time: what people say they like before they do anything. An
-- answer that names nothing in the catalogue stays, as not known, so that it can be looked at.

with users as (

    select * from {{ ref('users') }}

),

items as (

    select * from {{ ref('items') }}

),

item_attributes as (

    select * from {{ ref('item_attributes') }}

),

staged as (

    select * from {{ staged('survey_answers') }}

),

attributes as (

    select distinct
        kind,
        attribute
    from item_attributes

),

answers as (

    select
        user_id,
        kind,
        trim(answer) as answer,
        answered_at,
        -- Said twice at one time it counts once; liked and not liked at one time, it is liked.
        coalesce(bool_or(coalesce(is_liked, true)), true) as is_liked,
        max(coalesce(weight, 1.0)) as weight
    from staged
    where kind is not null and trim(answer) <> ''
    group by user_id, kind, trim(answer), answered_at

),

final as (

    select
        users.user_key,
        answers.kind,
        answers.answer,
        items.item_key,
        items.item_key is not null or attributes.attribute is not null as is_known,
        answers.is_liked,
        answers.weight,
        answers.answered_at
    from answers
    inner join users on answers.user_id = users.user_id
    left join items on answers.kind = 'item' and answers.answer = items.item_id
    left join attributes
        on
            answers.kind <> 'item'
            and answers.kind = attributes.kind
            and answers.answer = attributes.attribute

)

select * from final
