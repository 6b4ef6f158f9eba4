{{ config(materialized='by_fold', in_blocks_of_users=true) }}

-- One row per fold, user and item that is on the list, or would be if nobody but the ranker had a
-- say: its place after each step, null where it is off the list. After the re-rank of candidates
-- the trend fills lists up that are short. Then places are given away: to pins, to sponsored items,
-- to what is explored, and what is left of the order closes up around them.

{%- set k = var('recommendations_k') %}
{%- set explored_places = exploration_places() %}
{%- set is_picked = var('diversity_lambda') < 1 or var('max_per_attribute') %}

with fold_users as (

    select * from {{ ref('fold_users') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

fold_items as (

    select * from {{ ref('fold_items') }}
    where {{ in_current_fold() }}

),

weighed_candidates as (

    select * from {{ ref('weighed_candidates') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

{% if is_picked -%}
picked_candidates as (

    select * from {{ ref('picked_candidates') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

{% endif -%}

item_features as (

    select * from {{ ref('item_features') }}
    where {{ in_current_fold() }}

),

user_items as (

    select * from {{ ref('user_items') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

rule_items as (

    select * from {{ ref('rule_items') }}
    where {{ in_current_fold() }}

),

{% if var('sponsored_slots') -%}
sponsored_candidates as (

    select * from {{ ref('sponsored_candidates') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

{% endif -%}
{% if explored_places -%}
exploration_candidates as (

    select * from {{ ref('exploration_candidates') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

{% endif -%}
excluded as (

    select
        fold,
        item_key
    from rule_items
    where action = 'exclude'

),

n_met as (

    select
        fold,
        user_key,
        count(*) as n_items
    from user_items
    group by fold, user_key

),

reranked as (

    {% if is_picked -%}
    select
        weighed_candidates.* exclude (rank),
        weighed_candidates.rank as rank_after_dedupe,
        picked_candidates.rank,
        coalesce(picked_candidates.is_capped, false) as is_capped
    from weighed_candidates
    left join picked_candidates
        on
            weighed_candidates.fold = picked_candidates.fold
            and weighed_candidates.user_key = picked_candidates.user_key
            and weighed_candidates.item_key = picked_candidates.item_key
    {%- else -%}
    select
        *,
        rank as rank_after_dedupe,
        false as is_capped
    from weighed_candidates
    {%- endif %}

),

ranked as (

    select
        fold,
        user_key,
        item_key,
        score,
        rank
    from reranked
    where rank <= {{ k }}

),

short_lists as (

    select
        fold_users.fold,
        fold_users.user_key,
        count(ranked.item_key) as n_ranked,
        coalesce(any_value(n_met.n_items), 0) as n_met
    from fold_users
    left join ranked
        on fold_users.fold = ranked.fold and fold_users.user_key = ranked.user_key
    left join n_met
        on fold_users.fold = n_met.fold and fold_users.user_key = n_met.user_key
    group by fold_users.fold, fold_users.user_key
    having count(ranked.item_key) < {{ k }}

),

by_trend as (

    select
        item_features.fold,
        item_features.item_key,
        row_number() over (
            partition by item_features.fold
            order by
                item_features.trending_score desc,
                item_features.n_users desc,
                item_features.item_key
        ) as place
    from item_features
    anti join excluded
        on item_features.fold = excluded.fold and item_features.item_key = excluded.item_key

),

-- An item further down than what a user has met or been given already is never reached.
fillers as (

    select
        short_lists.fold,
        short_lists.user_key,
        by_trend.item_key,
        short_lists.n_ranked + row_number() over (
            partition by short_lists.fold, short_lists.user_key order by by_trend.place
        ) as rank
    from short_lists
    inner join by_trend
        on
            short_lists.fold = by_trend.fold
            and by_trend.place <= short_lists.n_met + short_lists.n_ranked + {{ k }}
    anti join user_items
        on
            short_lists.fold = user_items.fold
            and short_lists.user_key = user_items.user_key
            and by_trend.item_key = user_items.item_key
    anti join ranked
        on
            short_lists.fold = ranked.fold
            and short_lists.user_key = ranked.user_key
            and by_trend.item_key = ranked.item_key
    qualify rank <= {{ k }}

),

filled as (

    select
        fold,
        user_key,
        item_key,
        score,
        rank,
        false as is_filler
    from ranked
    union all
    select
        fold,
        user_key,
        item_key,
        0.0 as score,
        rank,
        true as is_filler
    from fillers

),

-- Places that are given away, to whom, and who comes first where two want one: a pin, then what is
-- sponsored, then what is explored. Nobody is shown what they have met, or what is not available,
-- whoever pays for it.
pinned as (

    select
        fold_users.fold,
        fold_users.user_key,
        rule_items.item_key,
        cast(rule_items.value as integer) as place,
        1 as precedence,
        'pinned' as slot,
        rule_items.rule_id,
        rule_items.reason
    from rule_items
    inner join fold_users on rule_items.fold = fold_users.fold
    inner join fold_items
        on rule_items.fold = fold_items.fold and rule_items.item_key = fold_items.item_key
    anti join user_items
        on
            fold_users.fold = user_items.fold
            and fold_users.user_key = user_items.user_key
            and rule_items.item_key = user_items.item_key
    where rule_items.action = 'pin'

),

{% if var('sponsored_slots') -%}
sponsored_places as (

    {% for slot in var('sponsored_slots') | sort -%}
    select
        {{ loop.index }} as nth,
        {{ slot }} as place
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- What the ranker has put as high by itself is no advertisement, and takes no place.
sponsored_in_turn as (

    select
        sponsored_candidates.fold,
        sponsored_candidates.user_key,
        sponsored_candidates.item_key,
        sponsored_candidates.reason,
        row_number() over (
            partition by sponsored_candidates.fold, sponsored_candidates.user_key
            order by sponsored_candidates.draw, sponsored_candidates.item_key
        ) as nth
    from sponsored_candidates
    anti join filled
        on
            sponsored_candidates.fold = filled.fold
            and sponsored_candidates.user_key = filled.user_key
            and sponsored_candidates.item_key = filled.item_key
            and filled.rank <= {{ var('sponsored_slots') | max }}
    anti join pinned
        on
            sponsored_candidates.fold = pinned.fold
            and sponsored_candidates.user_key = pinned.user_key
            and sponsored_candidates.item_key = pinned.item_key

),

sponsored as (

    select
        sponsored_in_turn.fold,
        sponsored_in_turn.user_key,
        sponsored_in_turn.item_key,
        sponsored_places.place,
        2 as precedence,
        'sponsored' as slot,
        cast(null as varchar) as rule_id,
        sponsored_in_turn.reason
    from sponsored_in_turn
    inner join sponsored_places on sponsored_in_turn.nth = sponsored_places.nth

),

{% endif -%}
{% if explored_places -%}
slots as (

    {% for place in explored_places -%}
    select
        {{ loop.index }} as nth,
        {{ place }} as place
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- What is on the list by itself has its chance there, and takes no slot.
explored_in_turn as (

    select
        exploration_candidates.fold,
        exploration_candidates.user_key,
        exploration_candidates.item_key,
        row_number() over (
            partition by exploration_candidates.fold, exploration_candidates.user_key
            order by exploration_candidates.place
        ) as nth
    from exploration_candidates
    anti join filled
        on
            exploration_candidates.fold = filled.fold
            and exploration_candidates.user_key = filled.user_key
            and exploration_candidates.item_key = filled.item_key

),

explored as (

    select
        explored_in_turn.fold,
        explored_in_turn.user_key,
        explored_in_turn.item_key,
        slots.place,
        3 as precedence,
        'explore' as slot,
        cast(null as varchar) as rule_id,
        cast(null as varchar) as reason
    from explored_in_turn
    inner join slots on explored_in_turn.nth = slots.nth

),

{% endif -%}
given_away as (

    select * from pinned
    {%- if explored_places %}
    union all
    select * from explored
    {%- endif %}
    {%- if var('sponsored_slots') %}
    union all
    select * from sponsored
    {%- endif %}

),

-- One place for an item, one item for a place.
given as (

    select *
    from given_away
    qualify
        row_number() over (
            partition by fold, user_key, item_key order by precedence, place
        ) = 1
        and row_number() over (
            partition by fold, user_key, place order by precedence, item_key
        ) = 1

),

-- Before the j-th place p that is given away stand p − j others: so others move down by as many
-- such places as have p − j smaller than their own place in the order.
others_above as (

    select
        fold,
        user_key,
        place - row_number() over (partition by fold, user_key order by place) as n_others
    from given

),

in_order as (

    select
        filled.fold,
        filled.user_key,
        filled.item_key,
        row_number() over (
            partition by filled.fold, filled.user_key order by filled.rank
        ) as place
    from filled
    anti join given
        on
            filled.fold = given.fold
            and filled.user_key = given.user_key
            and filled.item_key = given.item_key

),

placed as (

    select
        in_order.fold,
        in_order.user_key,
        in_order.item_key,
        in_order.place + count(others_above.n_others) as place,
        cast(null as varchar) as slot,
        cast(null as varchar) as rule_id,
        cast(null as varchar) as reason
    from in_order
    left join others_above
        on
            in_order.fold = others_above.fold
            and in_order.user_key = others_above.user_key
            and in_order.place > others_above.n_others
    group by in_order.fold, in_order.user_key, in_order.item_key, in_order.place
    union all
    select
        fold,
        user_key,
        item_key,
        place,
        slot,
        rule_id,
        reason
    from given

),

-- A place beyond the end of a list that could not be filled is its last.
numbered as (

    select
        *,
        row_number() over (partition by fold, user_key order by place, item_key) as rank
    from placed
    qualify rank <= {{ k }}

),

considered as (

    select
        fold,
        user_key,
        item_key
    from numbered
    union
    select
        fold,
        user_key,
        item_key
    from filled
    union
    select
        fold,
        user_key,
        item_key
    from reranked
    where rank_by_ranker <= {{ k }}

),

final as (

    select
        considered.fold,
        considered.user_key,
        considered.item_key,
        coalesce(reranked.score, 0.0) as score,
        reranked.rank_by_ranker,
        reranked.rank_after_exclude,
        reranked.rank_after_rules,
        reranked.rank_after_freshness,
        reranked.rank_after_dedupe,
        reranked.rank as rank_after_diversity,
        cast(coalesce(filled.rank, reranked.rank) as integer) as rank_after_filling,
        cast(numbered.rank as integer) as rank,
        coalesce(filled.is_filler, false) as is_filler,
        coalesce(reranked.is_repeat, false) as is_repeat,
        coalesce(reranked.is_capped, false) as is_capped,
        coalesce(
            numbered.slot,
            {%- if var('freshness_boost') > 0 %}
            case
                when
                    reranked.rank_after_rules > {{ k }}
                    and reranked.rank_after_freshness <= {{ k }}
                    then 'fresh'
            end,
            {%- endif %}
            'ranked'
        ) as slot,
        numbered.rule_id,
        numbered.reason
    from considered
    left join numbered
        on
            considered.fold = numbered.fold
            and considered.user_key = numbered.user_key
            and considered.item_key = numbered.item_key
    left join filled
        on
            considered.fold = filled.fold
            and considered.user_key = filled.user_key
            and considered.item_key = filled.item_key
    left join reranked
        on
            considered.fold = reranked.fold
            and considered.user_key = reranked.user_key
            and considered.item_key = reranked.item_key

)

select * from final
