{{ config(
    materialized='by_fold',
    in_blocks_of_users=true,
    enabled='survey' in active_sources(),
) }}

-- One row per fold, user and proposed item: what fits the user's answers, at once and without a
-- history. Content: the attributes that were chosen, and those of chosen items, by cosine, times
-- what is liked of late. Item-item: the neighbours of chosen items. What was turned down counts
-- against an item; what fits no answer is not proposed.

with user_features as (

    select * from {{ ref('user_features') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

fold_users as (

    select * from {{ ref('fold_users') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

fold_survey_answers as (

    select * from {{ ref('fold_survey_answers') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

fold_items as (

    select * from {{ ref('fold_items') }}
    where {{ in_current_fold() }}

),

user_items as (

    select * from {{ ref('user_items') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

attribute_items as (

    select * from {{ ref('attribute_items') }}
    where {{ in_current_fold() }}

),

item_neighbors as (

    select * from {{ ref('item_neighbors') }}
    where {{ in_current_fold() }}

),

item_attributes as (

    select * from {{ ref('item_attributes') }}

),

answers as (

    select
        answers.fold,
        answers.user_key,
        answers.kind,
        answers.answer,
        answers.item_key,
        case when answers.is_liked then answers.weight else -answers.weight end as weight
    from fold_survey_answers as answers
    semi join fold_users using (fold, user_key)
    {%- if var('survey_until_likes') is not none %}
    inner join user_features
        on answers.fold = user_features.fold and answers.user_key = user_features.user_key
    where user_features.n_positives < {{ var('survey_until_likes') }}
    {%- endif %}

),

attribute_counts as (

    select
        item_key,
        kind,
        count(*) as n_attributes
    from item_attributes
    group by item_key, kind

),

-- A chosen item speaks for its attributes, with a length of 1 in each kind.
chosen_attributes as (

    select
        fold,
        user_key,
        kind,
        answer as attribute,
        weight
    from answers
    where item_key is null
    union all
    select
        answers.fold,
        answers.user_key,
        item_attributes.kind,
        item_attributes.attribute,
        answers.weight / sqrt(attribute_counts.n_attributes) as weight
    from answers
    inner join item_attributes on answers.item_key = item_attributes.item_key
    inner join attribute_counts
        on
            item_attributes.item_key = attribute_counts.item_key
            and item_attributes.kind = attribute_counts.kind

),

profiles as (

    select
        fold,
        user_key,
        kind,
        attribute,
        {{ exact_sum('weight', 12) }} as weight
    from chosen_attributes
    group by fold, user_key, kind, attribute

),

lengths as (

    select
        fold,
        user_key,
        kind,
        sqrt({{ exact_sum('weight * weight', 12) }}) as length,
        count(*) over (partition by fold, user_key) as n_kinds
    from profiles
    group by fold, user_key, kind

),

-- The mean of the cosines by kind.
fits as (

    select
        profiles.fold,
        profiles.user_key,
        attribute_items.item_key,
        any_value(attribute_items.quality) as quality,
        {{ exact_sum(
            'profiles.weight * attribute_items.weight / (lengths.length * lengths.n_kinds)', 12
        ) }} as fit
    from profiles
    inner join lengths
        on
            profiles.fold = lengths.fold
            and profiles.user_key = lengths.user_key
            and profiles.kind = lengths.kind
    inner join attribute_items
        on
            profiles.fold = attribute_items.fold
            and profiles.kind = attribute_items.kind
            and profiles.attribute = attribute_items.attribute
    where lengths.length > 0
    group by profiles.fold, profiles.user_key, attribute_items.item_key

),

by_content as (

    select
        fold,
        user_key,
        item_key,
        quality * power(fit, {{ var('survey_content_power') }}) as score
    from fits
    where fit > 0

),

by_neighbors as (

    select
        answers.fold,
        answers.user_key,
        item_neighbors.neighbor_item_key as item_key,
        {{ exact_sum('answers.weight * item_neighbors.score', 12) }} as score
    from answers
    inner join item_neighbors
        on answers.fold = item_neighbors.fold and answers.item_key = item_neighbors.item_key
    group by answers.fold, answers.user_key, item_neighbors.neighbor_item_key
    having score > 0

),

-- Each way's best is 1, so that both can be added.
both_ways as (

    select
        fold,
        user_key,
        item_key,
        score / max(score) over (partition by fold, user_key) as score
    from by_content
    union all
    select
        fold,
        user_key,
        item_key,
        {{ var('survey_neighbor_weight') }} * score / max(score) over (partition by fold, user_key)
            as score
    from by_neighbors

),

scored as (

    select
        fold,
        user_key,
        item_key,
        {{ exact_sum('score', 12) }} as score
    from both_ways
    group by fold, user_key, item_key

),

final as (

    select
        scored.fold,
        cast('survey' as varchar) as source,
        scored.user_key,
        scored.item_key,
        scored.score,
        cast(
            row_number() over (
                partition by scored.fold, scored.user_key
                order by scored.score desc, scored.item_key
            ) as integer
        ) as rank
    from scored
    semi join fold_items using (fold, item_key)
    anti join user_items using (fold, user_key, item_key)
    -- What was asked about is known to the user.
    anti join answers using (fold, user_key, item_key)
    qualify rank <= {{ sized('candidates_k') }}

)

select * from final
