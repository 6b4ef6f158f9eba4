{{ config(materialized='by_fold', enabled='content' in active_sources()) }}

-- One row per fold, user and proposed item: what is made of the terms of the user's last likes, by
-- cosine. Of a user the strongest terms count, and of a term the items that are most about it, so
-- that the work is users × terms × items of a term, however large the catalogue.

with fold_users as (

    select * from {{ ref('fold_users') }}
    where {{ in_current_fold() }}

),

fold_items as (

    select * from {{ ref('fold_items') }}
    where {{ in_current_fold() }}

),

item_features as (

    select * from {{ ref('item_features') }}
    where {{ in_current_fold() }}

),

user_items as (

    select * from {{ ref('user_items') }}
    where {{ in_current_fold() }}

),

item_terms as (

    select * from {{ ref('item_terms') }}

),

last_likes as (

    select
        user_items.fold,
        user_items.user_key,
        user_items.item_key,
        power({{ var('content_history_decay') }}, user_items.recency_rank - 1) as weight
    from user_items
    semi join fold_users using (fold, user_key)
    where
        user_items.is_positive
        and user_items.recency_rank <= {{ var('content_history') }}

),

user_terms as (

    select
        last_likes.fold,
        last_likes.user_key,
        item_terms.term,
        {{ exact_sum('last_likes.weight * item_terms.weight', 12) }} as weight
    from last_likes
    inner join item_terms on last_likes.item_key = item_terms.item_key
    group by last_likes.fold, last_likes.user_key, item_terms.term

),

profiles as (

    select
        fold,
        user_key,
        term,
        weight
    from user_terms
    qualify row_number() over (
        partition by fold, user_key order by weight desc, term
    ) <= {{ var('content_profile_terms') }}

),

profile_lengths as (

    select
        fold,
        user_key,
        sqrt({{ exact_sum('weight * weight', 12) }}) as length
    from profiles
    group by fold, user_key

),

items_of_terms as (

    select
        fold_items.fold,
        fold_items.item_key,
        item_terms.term,
        item_terms.weight
    from fold_items
    inner join item_terms on fold_items.item_key = item_terms.item_key
    qualify row_number() over (
        partition by fold_items.fold, item_terms.term
        order by item_terms.weight desc, fold_items.item_key
    ) <= {{ var('content_term_items') }}

),

scored as (

    select
        profiles.fold,
        profiles.user_key,
        items_of_terms.item_key,
        {{ exact_sum('profiles.weight * items_of_terms.weight', 12) }} as score
    from profiles
    inner join items_of_terms
        on
            profiles.fold = items_of_terms.fold
            and profiles.term = items_of_terms.term
    group by all

),

final as (

    select
        scored.fold,
        cast('content' as varchar) as source,
        scored.user_key,
        scored.item_key,
        scored.score / profile_lengths.length as score,
        cast(
            row_number() over (
                partition by scored.fold, scored.user_key
                -- Items with the same terms tie: of those, what is liked of late.
                order by scored.score desc, item_features.trending_score desc, scored.item_key
            ) as integer
        ) as rank
    from scored
    inner join item_features
        on scored.fold = item_features.fold and scored.item_key = item_features.item_key
    inner join profile_lengths
        on scored.fold = profile_lengths.fold and scored.user_key = profile_lengths.user_key
    anti join user_items
        on
            scored.fold = user_items.fold
            and scored.user_key = user_items.user_key
            and scored.item_key = user_items.item_key
    qualify rank <= {{ var('content_k') }}

)

select * from final
