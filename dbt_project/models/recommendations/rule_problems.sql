{{ config(post_hook='{{ refuse_rules(this) }}') }}

-- One row per problem of the rules: what contradicts itself, which stops the build here, before
-- anything stands on it, and what has no effect, which the build warns of.

with business_rules as (

    select
        *,
        coalesce(valid_from, date '0001-01-01') as starts_on,
        coalesce(valid_to, date '9999-12-31') as ends_on
    from {{ ref('business_rules') }}

),

sponsored_items as (

    select
        *,
        coalesce(valid_from, date '0001-01-01') as starts_on,
        coalesce(valid_to, date '9999-12-31') as ends_on
    from {{ ref('sponsored_items') }}

),

items as (

    select * from {{ ref('items') }}

),

item_attributes as (

    select * from {{ ref('item_attributes') }}

),

kinds as (

    select 'item' as kind
    union
    select kind from item_attributes

),

pins as (

    select * from business_rules
    where action = 'pin'

),

-- Every item that is said by name to be shown, and what it is: exclusions must not hit it.
shown_by_name as (

    select
        'the pin ' || rule_id as what,
        target as item_id,
        starts_on,
        ends_on
    from pins
    union all
    select
        'the sponsored item ' || item_id as what,
        item_id,
        starts_on,
        ends_on
    from sponsored_items

),

excluded as (

    select
        rule_id,
        starts_on,
        ends_on,
        target as item_id
    from business_rules
    where action = 'exclude' and target_kind = 'item'
    union all
    select
        business_rules.rule_id,
        business_rules.starts_on,
        business_rules.ends_on,
        items.item_id
    from business_rules
    inner join item_attributes
        on
            business_rules.target_kind = item_attributes.kind
            and business_rules.target = item_attributes.attribute
    inner join items on item_attributes.item_key = items.item_key
    where business_rules.action = 'exclude'

),

rules_refused as (

    select
        rule_id,
        'has no rule_id; name it' as problem
    from business_rules
    where rule_id is null
    union all
    select
        rule_id,
        'is there ' || count(*) || ' times; a rule_id names one rule' as problem
    from business_rules
    where rule_id is not null
    group by rule_id
    having count(*) > 1
    union all
    select
        rule_id,
        'action "' || coalesce(action, '') || '" is unknown; choose boost, bury, pin or exclude'
            as problem
    from business_rules
    where coalesce(action, '') not in ('boost', 'bury', 'pin', 'exclude')
    union all
    select
        rule_id,
        'target_kind "' || coalesce(target_kind, '') || '" is unknown; choose from '
        || (select string_agg(kinds.kind, ', ' order by kinds.kind) from kinds) as problem
    from business_rules
    where coalesce(target_kind, '') not in (select kinds.kind from kinds)
    union all
    select
        rule_id,
        'a pin puts one item on one place; its target_kind must be item' as problem
    from pins
    where target_kind <> 'item'
    union all
    select
        rule_id,
        'the value of a boost must be above 1, is ' || coalesce(cast(value as varchar), 'empty')
        || '; to bury is an action of its own' as problem
    from business_rules
    where action = 'boost' and coalesce(value, 0) <= 1
    union all
    select
        rule_id,
        'the value of a bury must be above 0 and below 1, is '
        || coalesce(cast(value as varchar), 'empty') || '; exclude takes items off altogether'
            as problem
    from business_rules
    where action = 'bury' and not coalesce(value > 0 and value < 1, false)
    union all
    select
        rule_id,
        'the value of a pin must be a place from 1 to {{ var('recommendations_k') }} '
        || '(recommendations_k), is ' || coalesce(cast(value as varchar), 'empty') as problem
    from pins
    where
        not coalesce(
            value = floor(value) and value between 1 and {{ var('recommendations_k') }}, false
        )
    union all
    select
        rule_id,
        'a pin must give a reason: people read it beside the item' as problem
    from pins
    where coalesce(reason, '') = ''
    union all
    select
        rule_id,
        'valid_from ' || starts_on || ' is after valid_to ' || ends_on as problem
    from business_rules
    where starts_on > ends_on
    union all
    select
        rule_id,
        'place ' || cast(value as integer) || ' is one of sponsored_slots; pin to another, or '
        || 'take it out of the var' as problem
    from pins
    where value in ({{ (var('sponsored_slots') or ['null']) | join(', ') }})
    union all
    select
        pins.rule_id,
        'pins to place ' || cast(pins.value as integer) || ', as does ' || other_rows.rule_id
        || ' at the same time; change a place or the dates' as problem
    from pins
    inner join pins as other_rows
        on
            pins.value = other_rows.value
            and pins.rule_id < other_rows.rule_id
            and pins.starts_on <= other_rows.ends_on
            and pins.ends_on >= other_rows.starts_on
    union all
    select
        pins.rule_id,
        'pins the item ' || pins.target || ', as does ' || other_rows.rule_id
        || ' at the same time; an item has one place' as problem
    from pins
    inner join pins as other_rows
        on
            pins.target = other_rows.target
            and pins.rule_id < other_rows.rule_id
            and pins.value <> other_rows.value
            and pins.starts_on <= other_rows.ends_on
            and pins.ends_on >= other_rows.starts_on
    union all
    select
        boosts.rule_id,
        'boosts what ' || buries.rule_id || ' buries at the same time; keep one of them'
            as problem
    from business_rules as boosts
    inner join business_rules as buries
        on
            boosts.target_kind = buries.target_kind
            and boosts.target = buries.target
            and boosts.starts_on <= buries.ends_on
            and boosts.ends_on >= buries.starts_on
    where boosts.action = 'boost' and buries.action = 'bury'
    union all
    select
        excluded.rule_id,
        'excludes ' || shown_by_name.what || ' at the same time; drop one, or change the dates'
            as problem
    from excluded
    inner join shown_by_name
        on
            excluded.item_id = shown_by_name.item_id
            and excluded.starts_on <= shown_by_name.ends_on
            and excluded.ends_on >= shown_by_name.starts_on

),

rules_without_effect as (

    select
        business_rules.rule_id,
        'no item has the '
        || case
            when business_rules.target_kind = 'item' then 'id' else business_rules.target_kind
        end
        || ' "' || coalesce(business_rules.target, '') || '"; the rule does nothing' as problem
    from business_rules
    inner join kinds on business_rules.target_kind = kinds.kind
    left join items
        on business_rules.target_kind = 'item' and business_rules.target = items.item_id
    left join item_attributes
        on
            business_rules.target_kind = item_attributes.kind
            and business_rules.target = item_attributes.attribute
    where items.item_key is null and item_attributes.item_key is null

),

sponsored_refused as (

    select
        item_id,
        'max_share must be above 0 and at most 1, is '
        || coalesce(cast(max_share as varchar), 'empty') as problem
    from sponsored_items
    where not coalesce(max_share > 0 and max_share <= 1, false)
    union all
    select
        item_id,
        'valid_from ' || starts_on || ' is after valid_to ' || ends_on as problem
    from sponsored_items
    where starts_on > ends_on
    union all
    select
        sponsored_items.item_id,
        'is sponsored more than once on the same day; a row ends before the next begins'
            as problem
    from sponsored_items
    inner join sponsored_items as other_rows
        on
            sponsored_items.item_id = other_rows.item_id
            and sponsored_items.starts_on <= other_rows.ends_on
            and sponsored_items.ends_on >= other_rows.starts_on
    group by sponsored_items.item_id, sponsored_items.starts_on, sponsored_items.ends_on
    having count(*) > 1

),

sponsored_without_effect as (

    select
        sponsored_items.item_id,
        'no item has this id; nothing is shown' as problem
    from sponsored_items
    anti join items on sponsored_items.item_id = items.item_id
    {%- if not var('sponsored_slots') %}
    union all
    select
        item_id,
        'the var sponsored_slots names no place; nothing is shown' as problem
    from sponsored_items
    {%- endif %}

),

vars_without_effect as (

    {% for name, kind in rerank_kinds() -%}
    select
        '{{ name }}' as name,
        'no item has an attribute of the kind ' || {{ quoted(kind) }} || '; it does nothing'
            as problem
    where {{ quoted(kind) }} not in (select kinds.kind from kinds)
    union all
    {% endfor -%}
    select
        null as name,
        null as problem
    where false

),

final as (

    select
        'business_rules' as said_in,
        rule_id as name,
        problem,
        true as is_refused
    from rules_refused
    union all
    select
        'business_rules' as said_in,
        rule_id as name,
        problem,
        false as is_refused
    from rules_without_effect
    union all
    select
        'sponsored_items' as said_in,
        item_id as name,
        problem,
        true as is_refused
    from sponsored_refused
    union all
    select
        'sponsored_items' as said_in,
        item_id as name,
        problem,
        false as is_refused
    from sponsored_without_effect
    union all
    select
        'vars' as said_in,
        name,
        problem,
        false as is_refused
    from vars_without_effect

)

select distinct * from final
