-- One row per evaluated fold, model, user and cutoff: how much of what the user came to like is in
-- the first k candidates of each source, in those of all together (`union`), and in the first k
-- that the blend makes of them. What a source adds is what it alone brings to the union.

with evaluated_users as (

    select * from {{ ref('evaluated_users') }}
    where segment_kind = 'all'

),

test_positives as (

    select * from {{ ref('test_positives') }}

),

candidates as (

    select * from {{ ref('candidates') }}

),

ranked_candidates as (

    select * from {{ ref('ranked_candidates') }}

),

ks as (

    {% for k in var('candidate_recall_ks') | unique -%}
    select {{ k }} as k
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

ranker_choice as (

    select * from {{ ref('ranker_choice') }}

),

n_relevant as (

    select
        fold,
        user_key,
        count(*) as n_relevant
    from test_positives
    group by fold, user_key

),

found as (

    select
        candidates.fold,
        candidates.source,
        candidates.user_key,
        candidates.item_key,
        ks.k
    from candidates
    semi join test_positives using (fold, user_key, item_key)
    inner join ks on candidates.rank <= ks.k

),

found_by_any as (

    select
        fold,
        user_key,
        item_key,
        k,
        count(*) as n_sources,
        min(source) as source
    from found
    group by fold, user_key, item_key, k

),

hits as (

    select
        fold,
        source as model,
        user_key,
        k,
        count(*) as n_hits
    from found
    group by fold, source, user_key, k
    union all
    select
        fold,
        'union' as model,
        user_key,
        k,
        count(*) as n_hits
    from found_by_any
    group by fold, user_key, k
    union all
    select
        ranked_candidates.fold,
        ranked_candidates.ranker as model,
        ranked_candidates.user_key,
        ks.k,
        count(*) as n_hits
    from ranked_candidates
    semi join test_positives using (fold, user_key, item_key)
    inner join ks on ranked_candidates.rank <= ks.k
    group by ranked_candidates.fold, ranked_candidates.ranker, ranked_candidates.user_key, ks.k

),

added as (

    select
        fold,
        source as model,
        user_key,
        k,
        count(*) as n_hits
    from found_by_any
    where n_sources = 1
    group by fold, source, user_key, k

),

models as (

    {% for model in active_sources() + ['union', 'blend'] + learned_rankers() -%}
    select
        '{{ model }}' as model,
        {{ 'true' if model in active_sources() else 'false' }} as is_source
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

final as (

    select
        evaluated_users.fold,
        models.model,
        evaluated_users.user_key,
        ks.k,
        coalesce(hits.n_hits, 0) / n_relevant.n_relevant as candidate_recall,
        case when models.is_source then coalesce(added.n_hits, 0) / n_relevant.n_relevant end
            as candidate_recall_added
    from evaluated_users
    cross join models
    cross join ks
    inner join n_relevant
        on
            evaluated_users.fold = n_relevant.fold
            and evaluated_users.user_key = n_relevant.user_key
    left join hits
        on
            evaluated_users.fold = hits.fold
            and models.model = hits.model
            and evaluated_users.user_key = hits.user_key
            and ks.k = hits.k
    left join added
        on
            evaluated_users.fold = added.fold
            and models.model = added.model
            and evaluated_users.user_key = added.user_key
            and ks.k = added.k
    left join ranker_choice
        on evaluated_users.fold = ranker_choice.fold and models.model = ranker_choice.ranker
    -- A ranker has no candidates in a fold that it has not learned for.
    where coalesce(ranker_choice.is_scored, true)

)

select * from final
