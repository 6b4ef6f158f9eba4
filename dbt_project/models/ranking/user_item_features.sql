{{ config(materialized='view') }}

-- One row per fold, user and candidate of the pool: what is known of the two together at the
-- cutoff. A view, read by fold and in blocks of users (the variables of `by_fold`): as a table it
-- would be the largest of all.

with candidate_pool as (

    select * from {{ ref('candidate_pool') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

fold_users as (

    select * from {{ ref('fold_users') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

candidate_scores as (

    select * from {{ ref('candidate_scores') }}

),

user_items as (

    select * from {{ ref('user_items') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

user_features as (

    select * from {{ ref('user_features') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

item_features as (

    select * from {{ ref('item_features') }}
    where {{ in_current_fold() }}

),

items as (

    select * from {{ ref('items') }}

),

item_attributes as (

    select * from {{ ref('item_attributes') }}
    {%- if var('content_text_kinds') %}
    where kind not in {{ in_list(var('content_text_kinds')) }}
    {%- endif %}

),

segment_item_features as (

    select * from {{ ref('segment_item_features') }}
    where {{ in_current_fold() }}

),

{% if vector_sources() %}
vectors as (

    select * from {{ ref('vectors') }}
    where {{ in_current_fold() }}

),
{% endif %}

{% for source, neighbors in neighbor_models().items() %}
{{ neighbors }} as (

    select * from {{ ref(neighbors) }}
    where {{ in_current_fold() }}

),
{% endfor %}

last_likes as (

    select
        user_items.fold,
        user_items.user_key,
        user_items.item_key,
        user_items.recency_rank
    from user_items
    semi join fold_users
        on user_items.fold = fold_users.fold and user_items.user_key = fold_users.user_key
    where user_items.is_positive and user_items.recency_rank <= {{ var('ranker_taste_history') }}

),

{% for source, neighbors in neighbor_models().items() %}
-- How strongly what the user liked last leads to the candidate.
{{ source }}_ties as (

    select
        last_likes.fold,
        last_likes.user_key,
        {{ neighbors }}.neighbor_item_key as item_key,
        max({{ neighbors }}.score) as strongest,
        {{ exact_sum(neighbors ~ '.score', 12) }} / {{ var('ranker_history') }} as mean
    from last_likes
    inner join {{ neighbors }}
        on
            last_likes.fold = {{ neighbors }}.fold
            and last_likes.item_key = {{ neighbors }}.item_key
    semi join candidate_pool
        on
            last_likes.fold = candidate_pool.fold
            and last_likes.user_key = candidate_pool.user_key
            and {{ neighbors }}.neighbor_item_key = candidate_pool.item_key
    where last_likes.recency_rank <= {{ var('ranker_history') }}
    group by last_likes.fold, last_likes.user_key, {{ neighbors }}.neighbor_item_key

),
{% endfor %}

-- The share of a user's last likes that have an attribute.
n_likes as (

    select
        fold,
        user_key,
        count(*) as n
    from last_likes
    group by fold, user_key

),

tastes as (

    select
        last_likes.fold,
        last_likes.user_key,
        item_attributes.kind,
        item_attributes.attribute,
        count(*) / any_value(n_likes.n) as like_share
    from last_likes
    inner join item_attributes on last_likes.item_key = item_attributes.item_key
    inner join n_likes
        on last_likes.fold = n_likes.fold and last_likes.user_key = n_likes.user_key
    group by last_likes.fold, last_likes.user_key, item_attributes.kind, item_attributes.attribute

),

affinities as (

    select
        candidate_pool.fold,
        candidate_pool.user_key,
        candidate_pool.item_key,
        {%- for kind in ['category', 'tag', 'brand'] %}
        {{ exact_sum(
            "case when item_attributes.kind = '" ~ kind ~ "' then tastes.like_share end", 12
        ) }} / count_if(item_attributes.kind = '{{ kind }}') as {{ kind }}_affinity,
        {%- endfor %}
        {{ exact_sum('tastes.like_share', 12) }} / count(*) as attribute_affinity
    from candidate_pool
    inner join item_attributes on candidate_pool.item_key = item_attributes.item_key
    left join tastes
        on
            candidate_pool.fold = tastes.fold
            and candidate_pool.user_key = tastes.user_key
            and item_attributes.kind = tastes.kind
            and item_attributes.attribute = tastes.attribute
    group by candidate_pool.fold, candidate_pool.user_key, candidate_pool.item_key

),

-- The share of a user's last likes that came out in the same year as an item, or the one before or
-- after.
release_years as (

    select
        last_likes.fold,
        last_likes.user_key,
        year(items.available_from) as release_year,
        count(*) / any_value(n_likes.n) as like_share
    from last_likes
    inner join items on last_likes.item_key = items.item_key
    inner join n_likes
        on last_likes.fold = n_likes.fold and last_likes.user_key = n_likes.user_key
    where items.available_from is not null
    group by last_likes.fold, last_likes.user_key, year(items.available_from)

),

steps as (

    select unnest([-1, 0, 1]) as step

),

year_affinities as (

    select
        release_years.fold,
        release_years.user_key,
        release_years.release_year + steps.step as release_year,
        {{ exact_sum('release_years.like_share', 12) }} as like_share
    from release_years
    cross join steps
    group by
        release_years.fold, release_years.user_key, release_years.release_year + steps.step

),

-- Here and below left joins, though all are there, keep to this order: joined by fold alone, as
-- DuckDB may choose where it thinks that they are few, users and items are all pairs.
{% for source in vector_sources() %}
{{ source }}_similarities as (

    select
        candidate_pool.fold,
        candidate_pool.user_key,
        candidate_pool.item_key,
        list_inner_product(of_users.vector, of_items.vector) as similarity
    from candidate_pool
    left join vectors as of_users
        on
            candidate_pool.fold = of_users.fold
            and candidate_pool.user_key = of_users.key
            and of_users.source = '{{ source }}'
            and of_users.entity = 'user'
    left join vectors as of_items
        on
            candidate_pool.fold = of_items.fold
            and candidate_pool.item_key = of_items.key
            and of_items.source = '{{ source }}'
            and of_items.entity = 'item'

),
{% endfor %}

final as (

    select
        candidate_pool.fold,
        candidate_pool.user_key,
        candidate_pool.item_key,
        candidate_pool.score as pool_score,
        candidate_pool.rank as pool_rank,
        candidate_scores.n_sources,
        candidate_scores.best_rank,
        {%- for source in all_sources() %}
        candidate_scores.{{ source }}_rank,
        candidate_scores.{{ source }}_score,
        {%- endfor %}
        {%- for source in ['cooccurrence', 'transitions', 'rp3beta'] %}
        {%- if source in neighbor_models() %}
        coalesce({{ source }}_ties.strongest, 0.0) as {{ source }}_strongest_tie,
        coalesce({{ source }}_ties.mean, 0.0) as {{ source }}_mean_tie,
        {%- else %}
        cast(null as double) as {{ source }}_strongest_tie,
        cast(null as double) as {{ source }}_mean_tie,
        {%- endif %}
        {%- endfor %}
        {%- for source in ['embedding', 'als', 'svd', 'two_tower'] %}
        {%- if source in vector_sources() %}
        {{ source }}_similarities.similarity as {{ source }}_similarity,
        {%- else %}
        cast(null as double) as {{ source }}_similarity,
        {%- endif %}
        {%- endfor %}
        affinities.category_affinity,
        affinities.tag_affinity,
        affinities.brand_affinity,
        affinities.attribute_affinity,
        segment_item_features.affinity as segment_affinity,
        epoch(items.available_from) / 86400.0 - user_features.mean_release_day as release_gap_days,
        coalesce(year_affinities.like_share, 0.0) as year_affinity,
        -- Above 0 where the item came after the user was last here.
        user_features.days_since_last_interaction
        - coalesce(item_features.days_since_first_interaction, item_features.days_since_release)
            as days_new_to_user
    from candidate_pool
    left join candidate_scores using (fold, user_key, item_key)
    left join user_features
        on
            candidate_pool.fold = user_features.fold
            and candidate_pool.user_key = user_features.user_key
    left join item_features
        on
            candidate_pool.fold = item_features.fold
            and candidate_pool.item_key = item_features.item_key
    left join items on candidate_pool.item_key = items.item_key
    {%- for source in neighbor_models() %}
    left join {{ source }}_ties
        on
            candidate_pool.fold = {{ source }}_ties.fold
            and candidate_pool.user_key = {{ source }}_ties.user_key
            and candidate_pool.item_key = {{ source }}_ties.item_key
    {%- endfor %}
    {%- for source in vector_sources() %}
    left join {{ source }}_similarities
        on
            candidate_pool.fold = {{ source }}_similarities.fold
            and candidate_pool.user_key = {{ source }}_similarities.user_key
            and candidate_pool.item_key = {{ source }}_similarities.item_key
    {%- endfor %}
    left join affinities
        on
            candidate_pool.fold = affinities.fold
            and candidate_pool.user_key = affinities.user_key
            and candidate_pool.item_key = affinities.item_key
    left join year_affinities
        on
            candidate_pool.fold = year_affinities.fold
            and candidate_pool.user_key = year_affinities.user_key
            and year(items.available_from) = year_affinities.release_year
    left join segment_item_features
        on
            candidate_pool.fold = segment_item_features.fold
            and user_features.segment = segment_item_features.segment
            and candidate_pool.item_key = segment_item_features.item_key

)

select * from final
