-- One row per fold, user, item and step that moved it: from which place to which, on the list that
-- is served or would have been, and by which rule. The rows of an item, in the order of their
-- steps, lead from the ranker's place to the one on the list; an item without a row stands where
-- the ranker put it.

{%- set k = var('recommendations_k') %}
{%- set steps = [
    ('rank_by_ranker', 'rank_after_exclude'),
    ('rank_after_exclude', 'rank_after_rules'),
    ('rank_after_rules', 'rank_after_freshness'),
    ('rank_after_freshness', 'rank_after_dedupe'),
    ('rank_after_dedupe', 'rank_after_diversity'),
    ('rank_after_diversity', 'rank_after_filling'),
    ('rank_after_filling', 'rank'),
] %}

with list_places as (

    select * from {{ ref('list_places') }}

),

rule_items as (

    select * from {{ ref('rule_items') }}

),

users as (

    select * from {{ ref('users') }}

),

items as (

    select * from {{ ref('items') }}

),

-- What changed beyond the end of the list is nobody's concern.
moved as (

    {% for before, after in steps -%}
    select
        fold,
        user_key,
        item_key,
        {{ loop.index }} as step,
        {{ before }} as rank_before,
        case when {{ after }} <= {{ k }} then {{ after }} end as rank_after,
        is_repeat,
        is_capped,
        slot,
        rule_id,
        reason
    from list_places
    where
        {{ before }} is distinct from {{ after }}
        and ({{ before }} <= {{ k }} or {{ after }} <= {{ k }})
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- Several rules on one item act together.
item_rules as (

    select
        fold,
        item_key,
        case when action = 'exclude' then 1 else 2 end as step,
        string_agg(distinct action, ', ' order by action) as rule,
        string_agg(rule_id, ', ' order by rule_id) as rule_id,
        string_agg(reason, '; ' order by rule_id) as reason
    from rule_items
    where action <> 'pin'
    group by all

),

final as (

    select
        moved.fold,
        users.user_id,
        items.item_id,
        moved.step,
        -- An item that no rule is about has made room for others, or closed up to them.
        case
            when item_rules.rule is not null then item_rules.rule
            when moved.step = 3 and moved.rank_after < moved.rank_before then 'freshness'
            when moved.step = 4 and moved.is_repeat then 'dedupe'
            when moved.step = 5 and moved.is_capped then 'cap'
            {%- if var('diversity_lambda') < 1 %}
            when moved.step = 5 then 'diversity'
            {%- endif %}
            when moved.step = 6 then 'filling'
            when moved.step = 7 and moved.slot in ('pinned', 'sponsored') then moved.slot
            else 'others'
        end as rule,
        case when moved.step = 7 then moved.rule_id else item_rules.rule_id end as rule_id,
        moved.rank_before,
        moved.rank_after,
        case when moved.step = 7 then moved.reason else item_rules.reason end as reason
    from moved
    inner join users on moved.user_key = users.user_key
    inner join items on moved.item_key = items.item_key
    left join item_rules
        on
            moved.fold = item_rules.fold
            and moved.item_key = item_rules.item_key
            and moved.step = item_rules.step

)

select * from final
