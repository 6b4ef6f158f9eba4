{{ config(materialized='by_fold', in_blocks_of_users=true) }}

-- One row per fold, user and candidate that the re-rank looks at, with its place after each step,
-- so that recommendation_audit can say which step moved it. The steps, in their order: exclude;
-- boost and bury; freshness; one of each group of variants (dedupe). What follows, diversity with
-- the caps and places that are given away, is in picked_candidates and list_places.
--
-- Relevance is the place among those looked at, from 1 down to 0, and not the ranker's score: a
-- boost then means the same whichever ranker serves, and however its scores are spread.

{%- set k = var('recommendations_k') %}
{%- set is_fresh = var('freshness_boost') > 0 %}

with served_candidates as (

    select * from {{ ref('served_candidates') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

rule_items as (

    select * from {{ ref('rule_items') }}
    where {{ in_current_fold() }}

),

{% if is_fresh -%}
item_features as (

    select * from {{ ref('item_features') }}
    where {{ in_current_fold() }}

),

{% endif -%}
{% if var('dedupe_attribute') is not none -%}
item_attributes as (

    select * from {{ ref('item_attributes') }}

),

{% endif -%}
excluded as (

    select distinct
        fold,
        item_key
    from rule_items
    where action = 'exclude'

),

n_excluded as (

    select
        fold,
        count(*) as n_items
    from excluded
    group by fold

),

-- A product in the order of rule_id: the last bits of a product depend on it.
factors as (

    select
        fold,
        item_key,
        list_product(list(value order by rule_id)) as factor
    from rule_items
    where action in ('boost', 'bury')
    group by fold, item_key

),

-- As many more as can be excluded.
near as (

    select
        served_candidates.fold,
        served_candidates.user_key,
        served_candidates.item_key,
        served_candidates.score,
        served_candidates.rank,
        excluded.item_key is not null as is_excluded
    from served_candidates
    left join n_excluded on served_candidates.fold = n_excluded.fold
    left join excluded
        on
            served_candidates.fold = excluded.fold
            and served_candidates.item_key = excluded.item_key
    where served_candidates.rank <= {{ var('rerank_k') }} + coalesce(n_excluded.n_items, 0)

),

allowed as (

    select
        fold,
        user_key,
        item_key,
        row_number() over (partition by fold, user_key order by rank, item_key) as place
    from near
    where not is_excluded
    qualify place <= {{ var('rerank_k') }}

),

weighed as (

    select
        allowed.fold,
        allowed.user_key,
        allowed.item_key,
        allowed.place as place_after_exclude,
        (1.0 - (allowed.place - 1) / {{ var('rerank_k') }}) * coalesce(factors.factor, 1.0)
            as relevance_by_rules
    from allowed
    left join factors on allowed.fold = factors.fold and allowed.item_key = factors.item_key

),

ruled as (

    select
        *,
        row_number() over (
            partition by fold, user_key order by relevance_by_rules desc, place_after_exclude
        ) as place_after_rules
    from weighed

),

freshened as (

    {% if is_fresh -%}
    select
        ruled.*,
        ruled.relevance_by_rules * (
            1.0 + {{ var('freshness_boost') }} * case
                -- Of an item that came nobody knows when it cannot be said that it is fresh.
                when item_features.age_days is null then 0.0
                else {{ half_life_decay(
                    'item_features.age_days', var('freshness_half_life_days')
                ) }}
            end
        ) as relevance,
        row_number() over (
            partition by ruled.fold, ruled.user_key
            order by relevance desc, ruled.place_after_rules
        ) as place_after_freshness
    from ruled
    left join item_features
        on ruled.fold = item_features.fold and ruled.item_key = item_features.item_key
    {%- else -%}
    select
        *,
        relevance_by_rules as relevance,
        place_after_rules as place_after_freshness
    from ruled
    {%- endif %}

),

{% if var('dedupe_attribute') is not none -%}
-- Whose variants are shown whatever this step says: a pin has its group for itself.
pinned as (

    select distinct
        fold,
        item_key
    from rule_items
    where action = 'pin'

),

variants as (

    select
        item_key,
        min(attribute) as variant_of
    from item_attributes
    where kind = {{ quoted(var('dedupe_attribute')) }}
    group by item_key

),

repeats as (

    select
        freshened.fold,
        freshened.user_key,
        freshened.item_key
    from freshened
    inner join variants on freshened.item_key = variants.item_key
    left join pinned
        on freshened.fold = pinned.fold and freshened.item_key = pinned.item_key
    qualify row_number() over (
        partition by freshened.fold, freshened.user_key, variants.variant_of
        order by pinned.item_key is null, freshened.place_after_freshness
    ) > 1

),

{% endif -%}
-- What repeats another goes behind all that does not, for lists that could not be filled without.
deduped as (

    {% if var('dedupe_attribute') is not none -%}
    select
        freshened.*,
        repeats.item_key is not null as is_repeat,
        row_number() over (
            partition by freshened.fold, freshened.user_key
            order by repeats.item_key is not null, freshened.place_after_freshness
        ) as place_after_dedupe
    from freshened
    left join repeats
        on
            freshened.fold = repeats.fold
            and freshened.user_key = repeats.user_key
            and freshened.item_key = repeats.item_key
    {%- else -%}
    select
        *,
        false as is_repeat,
        place_after_freshness as place_after_dedupe
    from freshened
    {%- endif %}

),

-- Of what was excluded, only what would have been shown is of interest.
final as (

    select
        near.fold,
        near.user_key,
        near.item_key,
        near.score,
        near.rank as rank_by_ranker,
        cast(deduped.place_after_exclude as integer) as rank_after_exclude,
        cast(deduped.place_after_rules as integer) as rank_after_rules,
        cast(deduped.place_after_freshness as integer) as rank_after_freshness,
        cast(deduped.place_after_dedupe as integer) as rank,
        deduped.relevance,
        coalesce(deduped.is_repeat, false) as is_repeat
    from near
    left join deduped
        on
            near.fold = deduped.fold
            and near.user_key = deduped.user_key
            and near.item_key = deduped.item_key
    where deduped.relevance is not null or near.rank <= {{ k }}

)

select * from final
