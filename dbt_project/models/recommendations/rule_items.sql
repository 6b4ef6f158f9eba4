-- One row per fold, rule and item: the rules that hold at the fold's cutoff, and what they are
-- about. They wait for rule_problems, so that nothing stands on a rule that was refused.
-- depends_on: {{ ref('rule_problems') }}

with folds as (

    select * from {{ ref('folds') }}

),

business_rules as (

    select * from {{ ref('business_rules') }}

),

items as (

    select * from {{ ref('items') }}

),

item_attributes as (

    select * from {{ ref('item_attributes') }}

),

targets as (

    select
        business_rules.rule_id,
        items.item_key
    from business_rules
    inner join items on business_rules.target = items.item_id
    where business_rules.target_kind = 'item'
    union all
    select
        business_rules.rule_id,
        item_attributes.item_key
    from business_rules
    inner join item_attributes
        on
            business_rules.target_kind = item_attributes.kind
            and business_rules.target = item_attributes.attribute
    where business_rules.target_kind <> 'item'

),

final as (

    select
        folds.fold,
        business_rules.rule_id,
        targets.item_key,
        business_rules.action,
        business_rules.value,
        business_rules.reason
    from business_rules
    inner join targets on business_rules.rule_id = targets.rule_id
    -- Without a cutoff, where events have no times, only rules without dates hold.
    inner join folds
        on
            (
                business_rules.valid_from is null
                or business_rules.valid_from <= cast(folds.cutoff_at as date)
            )
            and (
                business_rules.valid_to is null
                or business_rules.valid_to >= cast(folds.cutoff_at as date)
            )

)

select * from final
