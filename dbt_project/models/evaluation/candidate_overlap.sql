-- One row per evaluated fold and ordered pair of sources: how much of what the one proposes, the
-- other proposes, too. Down to the largest cutoff of candidate_recall_ks, of all evaluated users
-- together. A source that shares all it has with others adds nothing to them.

with evaluated_users as (

    select * from {{ ref('evaluated_users') }}
    where segment_kind = 'all'

),

candidates as (

    select * from {{ ref('candidates') }}

),

sources as (

    {% for source in active_sources() -%}
    select
        '{{ source }}' as source,
        cast({{ 2 ** loop.index0 }} as bigint) as own_bit
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- Which sources propose a pair of user and item, as a sum of their bits: there are many pairs, and
-- few such sums.
proposed as (

    select
        candidates.fold,
        candidates.user_key,
        candidates.item_key,
        bit_or(sources.own_bit) as bits
    from candidates
    semi join evaluated_users using (fold, user_key)
    inner join sources on candidates.source = sources.source
    where candidates.rank <= {{ var('candidate_recall_ks') | max }}
    group by candidates.fold, candidates.user_key, candidates.item_key

),

together as (

    select
        fold,
        bits,
        count(*) as n_pairs
    from proposed
    group by fold, bits

),

counted as (

    select
        together.fold,
        sources.source,
        other_sources.source as other_source,
        cast(sum(together.n_pairs) as bigint) as n_candidates,
        cast(coalesce(
            sum(together.n_pairs) filter (where together.bits & other_sources.own_bit > 0), 0
        ) as bigint) as n_shared
    from together
    inner join sources on together.bits & sources.own_bit > 0
    inner join sources as other_sources on sources.source <> other_sources.source
    group by together.fold, sources.source, other_sources.source

),

final as (

    select
        counted.fold,
        counted.source,
        counted.other_source,
        cast({{ var('candidate_recall_ks') | max }} as integer) as k,
        counted.n_candidates,
        counted.n_shared,
        counted.n_shared / counted.n_candidates as overlap
    from counted
    -- A source that proposes nothing to anybody is compared with none.
    semi join counted as proposing
        on counted.fold = proposing.fold and counted.other_source = proposing.source

)

select * from final
