{{ config(materialized='by_fold') }}

-- One row per fold, part, user and item: what all events of a user on an item come to. Several
-- events of one type are one value (event_aggregations), which is judged like that of a single
-- event and gives the type's weight (weight_transforms); types add up, and what weighs less than
-- 0, such as a return, can undo a like.

{#- Most tables of events have one type: nothing to tell apart or to add up. -#}
{% set event_types = event_types(ref('fold_interactions')) %}
{% set is_one_type = event_types is not none and event_types | length == 1 %}
{#- An event without a value counts as one. -#}
{% set aggregates = {
    'count': 'count(*)',
    'sum': exact_sum('coalesce(value, 1.0)', 9, 38),
    'max': 'max(value)',
    'last': 'arg_max(value, place)',
} %}
{% set aggregate_of = {} %}
{% for event_type, aggregation in var('event_aggregations').items()
    if event_types is none or event_type in event_types -%}
{% do aggregate_of.update({event_type: aggregates[aggregation]}) %}
{% endfor %}

{#- Those whose weight a transform scales. Of others every factor is 1, and so is their mean. -#}
{% set scaled_types = [] %}
{% for event_type, transform in var('weight_transforms').items()
    if transform != 'none' and (event_types is none or event_type in event_types) -%}
{% do scaled_types.append(event_type) %}
{% endfor %}

with fold_interactions as (

    select * from {{ ref('fold_interactions') }}
    where {{ in_current_fold() }}

),

files as (

    select
        source_file,
        row_number() over (order by source_file) as file_number
    from fold_interactions
    group by source_file

),

-- Which of two events is the later one, as one number: time in microseconds, file (20 bits), row
-- (44 bits). Millions of maxima of numbers fit where those of text do not.
ordered as (

    select
        fold_interactions.*,
        (
            cast(coalesce(epoch_us(fold_interactions.occurred_at), 0) as hugeint)
            * {{ 2 ** 20 }} + files.file_number
        ) * {{ 2 ** 44 }} + fold_interactions.source_row as place
    from fold_interactions
    inner join files on fold_interactions.source_file = files.source_file

),

by_event_type as (

    select
        fold,
        part,
        user_key,
        item_key,
        {{ quoted(event_types[0]) ~ ' as ' if is_one_type }}event_type,
        any_value(weight) as event_weight,
        {% if is_one_type -%}
        {{ aggregate_of.get(event_types[0], aggregates.last) }} as value,
        {%- else -%}
        {{ case_of('event_type', aggregate_of, aggregates.last) }} as value,
        {%- endif %}
        count(*) as n_interactions,
        max(occurred_at) as last_interaction_at,
        max(place) as last_place
    from ordered
    group by fold, part, user_key, item_key{{ ', event_type' if not is_one_type }}

),

{% if 'bm25' in var('weight_transforms').values() %}
-- BM25 as for documents and terms (Robertson, Walker 1994): an item is a document, its length is
-- all that users gave it, and users who take up much count less, but never nothing (the rarity is
-- Lucene's, above 0 for every term).
item_lengths as (

    select
        fold,
        part,
        event_type,
        item_key,
        {{ exact_sum('value', 9, 38) }} as item_length
    from by_event_type
    group by fold, part, event_type, item_key

),

mean_lengths as (

    select
        fold,
        part,
        event_type,
        {{ exact_avg('item_length', 9, 38) }} as mean_length,
        count(*) as n_items
    from item_lengths
    group by fold, part, event_type

),

user_counts as (

    select
        fold,
        part,
        event_type,
        user_key,
        count(*) as n_items
    from by_event_type
    group by fold, part, event_type, user_key

),

with_bm25 as (

    select
        by_event_type.*,
        by_event_type.value * ({{ var('bm25_k1') }} + 1.0)
        / (
            {{ var('bm25_k1') }}
            * (
                1.0 - {{ var('bm25_b') }}
                + {{ var('bm25_b') }} * item_lengths.item_length / mean_lengths.mean_length
            )
            + by_event_type.value
        )
        * ln(
            1.0
            + (mean_lengths.n_items - user_counts.n_items + 0.5) / (user_counts.n_items + 0.5)
        ) as bm25
    from by_event_type
    inner join item_lengths using (fold, part, event_type, item_key)
    inner join mean_lengths using (fold, part, event_type)
    inner join user_counts using (fold, part, event_type, user_key)

),
{% else %}
with_bm25 as (

    select
        *,
        cast(null as double) as bm25
    from by_event_type

),
{% endif %}

transformed as (

    select
        *,
        case {{ case_of('event_type', quoted_values(var('weight_transforms')), "'none'") }}
            when 'value' then value
            when 'log' then ln(1.0 + greatest(value, 0.0))
            when 'bm25' then bm25
            else 1.0
        end as factor,
        {{ is_positive('event_type', 'value', 'event_weight') }} as is_like
    from with_bm25

),

{% if scaled_types -%}
factor_means as (

    select
        fold,
        part,
        event_type,
        {{ exact_avg('factor', 9, 38) }} as mean_factor
    from transformed
    group by fold, part, event_type

),

-- A mean factor of 1 leaves the unit of als_alpha what it is, whatever the transform.
weighed as (

    select
        transformed.*,
        case
            when transformed.is_like or transformed.event_weight < 0.0
                then coalesce(
                    transformed.event_weight * transformed.factor
                    / nullif(factor_means.mean_factor, 0.0),
                    0.0
                )
        end as weight
    from transformed
    inner join factor_means using (fold, part, event_type)

),
{% else %}
weighed as (

    select
        *,
        case when is_like or event_weight < 0.0 then event_weight end as weight
    from transformed

),
{% endif %}

totals as (

    {% if is_one_type -%}
    select
        fold,
        part,
        user_key,
        item_key,
        is_like as has_like,
        cast(cast(weight as decimal(38, 9)) as double) as weight,
        n_interactions,
        last_interaction_at,
        last_place
    from weighed
    {%- else -%}
    select
        fold,
        part,
        user_key,
        item_key,
        bool_or(is_like) as has_like,
        {{ exact_sum('weight', 9, 38) }} as weight,
        cast(sum(n_interactions) as bigint) as n_interactions,
        max(last_interaction_at) as last_interaction_at,
        max(last_place) as last_place
    from weighed
    group by fold, part, user_key, item_key
    {%- endif %}

),

final as (

    select
        totals.fold,
        totals.part,
        totals.user_key,
        totals.item_key,
        totals.has_like and totals.weight > 0.0 as is_positive,
        totals.n_interactions,
        case when totals.has_like and totals.weight > 0.0 then totals.weight end as weight,
        totals.last_interaction_at,
        totals.last_place
    from totals

)

select * from final
