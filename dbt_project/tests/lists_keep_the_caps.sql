{{ config(severity='warn', enabled=var('max_per_attribute') | length > 0) }}

-- How many times a list has more items of an attribute than max_per_attribute allows: pinned and
-- sponsored items are somebody's word, and where rerank_k candidates do not fill a list within the
-- caps, a full list goes before them.

{% for kind, cap in var('max_per_attribute').items() %}
select
    user_lists.fold,
    user_lists.user_key,
    item_attributes.kind,
    item_attributes.attribute,
    count(*) as n_items
from {{ ref('user_lists') }} as user_lists
inner join {{ ref('item_attributes') }} as item_attributes
    on user_lists.item_key = item_attributes.item_key
where item_attributes.kind = {{ quoted(kind) }}
group by
    user_lists.fold, user_lists.user_key, item_attributes.kind, item_attributes.attribute
having count(*) > {{ cap }}
{{ 'union all' if not loop.last }}
{% endfor %}
