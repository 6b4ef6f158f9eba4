-- One row per user and kind of attribute. An age in years is joined by the age group it falls in.

with users as (

    select * from {{ ref('users') }}

),

staged as (

    select * from {{ staged('user_attributes') }}

),

age_groups as (

    select * from {{ ref('age_groups') }}

),

of_age as (

    select
        staged.user_id,
        'age_group' as kind,
        age_groups.age_group as attribute
    from staged
    inner join age_groups
        on
            staged.kind = 'age'
            and try_cast(staged.attribute as double) >= age_groups.min_age
            and try_cast(staged.attribute as double) < age_groups.max_age + 1

),

attributes as (

    select
        user_id,
        kind,
        attribute
    from staged
    union all
    select
        user_id,
        kind,
        attribute
    from of_age

),

final as (

    select
        users.user_key,
        attributes.kind,
        min(attributes.attribute) as attribute
    from attributes
    inner join users on attributes.user_id = users.user_id
    where attributes.attribute is not null
    group by users.user_key, attributes.kind

)

select * from final
