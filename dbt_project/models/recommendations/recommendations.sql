{{ config(pre_hook='{{ keep_earlier_lists() }}') }}

-- One row per fold, user and rank: what each user is shown, from where, and why, in the owner's
-- own ids.

with user_lists as (

    select * from {{ ref('user_lists') }}

),

list_reasons as (

    select * from {{ ref('list_reasons') }}

),

{% if has_surveys() %}
list_reason_answers as (

    select * from {{ ref('list_reason_answers') }}

),
{% endif %}

user_features as (

    select * from {{ ref('user_features') }}

),

users as (

    select * from {{ ref('users') }}

),

items as (

    select * from {{ ref('items') }}

),

reason_templates as (

    select * from {{ ref('reason_templates') }}

),

explained as (

    select
        user_lists.fold,
        user_lists.user_key,
        user_lists.item_key,
        user_lists.rank,
        user_lists.score,
        case
            when user_lists.slot = 'pinned' then 'business_rules'
            when user_lists.slot = 'sponsored' then 'sponsored_items'
            when user_lists.slot = 'explore' then 'exploration'
            else list_reasons.source
        end as source,
        -- A place that was given away has a reason of its own.
        case
            when user_lists.slot = 'explore' then 'exploration'
            when user_lists.slot not in ('pinned', 'sponsored') then list_reasons.evidence
        end as evidence,
        user_features.segment_label,
        -- Of a user without a like in training no taste is known: what is popular and what trends.
        case
            when user_lists.slot = 'ranked' and user_features.n_positives = 0 then 'cold_start'
            else user_lists.slot
        end as slot,
        user_lists.slot_reason,
        list_reasons.reason_item_key,
        {%- if has_surveys() %}
        list_reason_answers.answer,
        list_reason_answers.reason_item_key as answer_item_key
        {%- else %}
        cast(null as varchar) as answer,
        cast(null as integer) as answer_item_key
        {%- endif %}
    from user_lists
    inner join user_features
        on
            user_lists.fold = user_features.fold
            and user_lists.user_key = user_features.user_key
    inner join list_reasons
        on
            user_lists.fold = list_reasons.fold
            and user_lists.user_key = list_reasons.user_key
            and user_lists.item_key = list_reasons.item_key
    {%- if has_surveys() %}
    left join list_reason_answers
        on
            user_lists.fold = list_reason_answers.fold
            and user_lists.user_key = list_reason_answers.user_key
            and user_lists.item_key = list_reason_answers.item_key
    {%- endif %}

),

final as (

    select
        explained.fold,
        users.user_id,
        explained.rank,
        items.item_id,
        items.title,
        explained.score,
        explained.source,
        explained.slot,
        -- Where no like is tied to the item, and no answer speaks for it, the template falls back
        -- on the other.
        coalesce(
            explained.slot_reason,
            replace(
                replace(
                    replace(
                        case
                            when
                                (
                                    reason_templates.template like '%{item}%'
                                    and explained.reason_item_key is null
                                )
                                or (
                                    reason_templates.template like '%{answer}%'
                                    and explained.answer is null
                                )
                                then reason_templates.template_without_item
                            else reason_templates.template
                        end,
                        '{item}', coalesce(reason_items.title, '')
                    ),
                    '{answer}', coalesce(explained.answer, '')
                ),
                '{segment}', coalesce(explained.segment_label, '')
            )
        ) as reason,
        case
            when reason_templates.template like '%{item}%' then reason_items.item_id
            when reason_templates.template like '%{answer}%' then answer_items.item_id
        end as reason_item_id,
        items.extra
    from explained
    inner join users on explained.user_key = users.user_key
    inner join items on explained.item_key = items.item_key
    left join reason_templates on explained.evidence = reason_templates.source
    left join items as reason_items on explained.reason_item_key = reason_items.item_key
    left join items as answer_items on explained.answer_item_key = answer_items.item_key

)

select * from final
