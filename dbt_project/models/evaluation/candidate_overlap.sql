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

proposed as (

    select
        candidates.fold,
        candidates.user_key,
        candidates.item_key,
        list(candidates.source) as sources
    from candidates
    semi join evaluated_users using (fold, user_key)
    where candidates.rank <= {{ var('candidate_recall_ks') | max }}
    group by candidates.fold, candidates.user_key, candidates.item_key

),

by_source as (

    select
        fold,
        sources,
        unnest(sources) as source
    from proposed

),

shared as (

    select
        fold,
        source,
        unnest(sources) as other_source
    from by_source

),

counted as (

    select
        fold,
        source,
        other_source,
        count(*) as n_shared
    from shared
    group by fold, source, other_source

),

-- What a source shares with itself is all that it proposes.
of_sources as (

    select
        fold,
        source,
        n_shared as n_candidates
    from counted
    where source = other_source

),

final as (

    select
        of_sources.fold,
        of_sources.source,
        others.source as other_source,
        cast({{ var('candidate_recall_ks') | max }} as integer) as k,
        of_sources.n_candidates,
        coalesce(counted.n_shared, 0) as n_shared,
        coalesce(counted.n_shared, 0) / of_sources.n_candidates as overlap
    from of_sources
    inner join of_sources as others on of_sources.fold = others.fold
    left join counted
        on
            of_sources.fold = counted.fold
            and of_sources.source = counted.source
            and others.source = counted.other_source
    where of_sources.source <> others.source

)

select * from final
