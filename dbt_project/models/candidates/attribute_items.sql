{#- Where nobody is asked only cold_start_recommendations reads it, once: that needs no table. -#}
{{ config(materialized='by_fold' if 'survey' in active_sources() else 'view') }}

-- One row per fold, attribute and item that has it, the best survey_attribute_items of each: what a
-- person who likes the attribute is proposed. An item is as much about an attribute as it has few
-- others of that kind.

with item_features as (

    select * from {{ ref('item_features') }}
    where {{ in_current_fold() }}

),

item_attributes as (

    select * from {{ ref('item_attributes') }}
    {%- if var('content_text_kinds') %}
    where kind not in {{ in_list(var('content_text_kinds')) }}
    {%- endif %}

),

weighed as (

    select
        item_key,
        kind,
        attribute,
        1.0 / sqrt(count(*) over (partition by item_key, kind)) as weight
    from item_attributes

),

-- An item that nobody has met yet counts as if somebody did: a new attribute has new items alone.
rated as (

    select
        fold,
        item_key,
        {{ 'trending_score' if has_event_times() else 'n_positive_users' }}
        + {{ var('survey_prior_likes') }} as likes
    from item_features

),

qualities as (

    select
        fold,
        item_key,
        likes / max(likes) over (partition by fold) as quality
    from rated

),

scored as (

    select
        qualities.fold,
        weighed.kind,
        weighed.attribute,
        qualities.item_key,
        weighed.weight,
        qualities.quality,
        qualities.quality * power(weighed.weight, {{ var('survey_content_power') }}) as score
    from qualities
    inner join weighed on qualities.item_key = weighed.item_key

),

final as (

    select
        fold,
        kind,
        attribute,
        item_key,
        weight,
        quality,
        score,
        cast(
            row_number() over (
                partition by fold, kind, attribute order by score desc, item_key
            ) as integer
        ) as rank
    from scored
    qualify rank <= {{ var('survey_attribute_items') }}

)

select * from final
