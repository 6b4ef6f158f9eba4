{{ config(
    materialized='by_fold',
    in_blocks_of_users=true,
    enabled='content' in active_sources(),
) }}

-- One row per fold, user and proposed item: what is made of the terms of the user's last likes, by
-- cosine. Of a user the strongest terms count, and of a term the items that are most about it, so
-- that the work is users × terms × items of a term, however large the catalogue.

with fold_users as (

    select * from {{ ref('fold_users') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

item_features as (

    select * from {{ ref('item_features') }}
    where {{ in_current_fold() }}

),

user_items as (

    select * from {{ ref('user_items') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

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

strongest_terms as (

    select
        fold,
        user_key,
        term,
        weight
    from user_terms
    qualify row_number() over (
        partition by fold, user_key order by weight desc, term
    ) <= {{ sized('content_profile_terms') }}

),

lengths as (

    select
        fold,
        user_key,
        sqrt({{ exact_sum('weight * weight', 12) }}) as length
    from strongest_terms
    group by fold, user_key

),

profiles as (

    select
        strongest_terms.fold,
        strongest_terms.user_key,
        strongest_terms.term,
        strongest_terms.weight / lengths.length as weight
    from strongest_terms
    inner join lengths
        on
            strongest_terms.fold = lengths.fold
            and strongest_terms.user_key = lengths.user_key
    where lengths.length > 0

),

-- Items with the same terms tie: of those, what is liked of late. A place says it in one number.
places as (

    select
        fold,
        item_key,
        cast(
            row_number() over (
                partition by fold order by trending_score desc, item_key
            ) as integer
        ) as place
    from item_features

),

places_of_terms as (

    select
        places.fold,
        places.place,
        item_terms.term,
        item_terms.weight
    from places
    inner join item_terms on places.item_key = item_terms.item_key
    qualify row_number() over (
        partition by places.fold, item_terms.term order by item_terms.weight desc, places.place
    ) <= {{ sized('content_term_items') }}

),

met as (

    select
        user_items.fold,
        user_items.user_key,
        places.place
    from user_items
    semi join fold_users using (fold, user_key)
    inner join places
        on user_items.fold = places.fold and user_items.item_key = places.item_key

),

scored as (

    select
        profiles.fold,
        profiles.user_key,
        places_of_terms.place,
        {{ exact_sum('profiles.weight * places_of_terms.weight', 12) }} as score
    from profiles
    inner join places_of_terms
        on
            profiles.fold = places_of_terms.fold
            and profiles.term = places_of_terms.term
    group by all

),

best as (

    select
        scored.fold,
        scored.user_key,
        scored.place,
        scored.score,
        cast(
            row_number() over (
                partition by scored.fold, scored.user_key order by scored.score desc, scored.place
            ) as integer
        ) as rank
    from scored
    anti join met using (fold, user_key, place)
    qualify rank <= {{ sized('candidates_k') }}

),

final as (

    select
        best.fold,
        cast('content' as varchar) as source,
        best.user_key,
        places.item_key,
        best.score,
        best.rank
    from best
    inner join places on best.fold = places.fold and best.place = places.place

)

select * from final
