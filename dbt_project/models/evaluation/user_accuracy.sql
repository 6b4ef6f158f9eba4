-- One row per evaluated fold, model, user and cutoff: did the list find what the user came to
-- like? A model that gives a user no list has found nothing.

with evaluated_users as (

    select * from {{ ref('evaluated_users') }}
    where segment_kind = 'all'

),

measured_cutoffs as (

    select * from {{ ref('measured_cutoffs') }}

),

test_positives as (

    select * from {{ ref('test_positives') }}

),

ranked_lists as (

    select * from {{ ref('ranked_lists') }}

),

n_relevant as (

    select
        fold,
        user_key,
        count(*) as n_relevant
    from test_positives
    group by fold, user_key

),

ideal as ({{ ideal_gains(var('metric_ks') | max) }}),

hits as (

    select
        ranked_lists.fold,
        ranked_lists.model,
        ranked_lists.user_key,
        ranked_lists.rank,
        row_number() over (
            partition by ranked_lists.fold, ranked_lists.model, ranked_lists.user_key
            order by ranked_lists.rank
        ) as nth_hit
    from ranked_lists
    semi join test_positives using (fold, user_key, item_key)

),

hits_in_list as (

    select
        hits.fold,
        hits.model,
        hits.user_key,
        measured_cutoffs.k,
        count(*) as n_hits,
        {{ exact_sum('1.0 / log2(hits.rank + 1)', 30, 38) }} as gain,
        {{ exact_sum('hits.nth_hit / hits.rank', 30, 38) }} as precision_at_hits,
        min(hits.rank) as first_hit
    from hits
    inner join measured_cutoffs
        on
            hits.fold = measured_cutoffs.fold
            and hits.model = measured_cutoffs.model
            and hits.rank <= measured_cutoffs.k
    group by hits.fold, hits.model, hits.user_key, measured_cutoffs.k

),

final as (

    select
        evaluated_users.fold,
        measured_cutoffs.model,
        evaluated_users.user_key,
        measured_cutoffs.k,
        coalesce(hits_in_list.n_hits, 0) / n_relevant.n_relevant as recall,
        coalesce(hits_in_list.n_hits, 0)
        / least(measured_cutoffs.k, n_relevant.n_relevant) as recall_capped,
        coalesce(hits_in_list.n_hits, 0) / measured_cutoffs.k as precision,
        cast(coalesce(hits_in_list.n_hits, 0) > 0 as double) as hit_rate,
        coalesce(hits_in_list.gain, 0.0) / ideal.ideal_gain as ndcg,
        coalesce(hits_in_list.precision_at_hits, 0.0)
        / least(measured_cutoffs.k, n_relevant.n_relevant) as map,
        coalesce(1.0 / hits_in_list.first_hit, 0.0) as mrr
    from evaluated_users
    inner join measured_cutoffs on evaluated_users.fold = measured_cutoffs.fold
    inner join n_relevant
        on
            evaluated_users.fold = n_relevant.fold
            and evaluated_users.user_key = n_relevant.user_key
    inner join ideal on least(measured_cutoffs.k, n_relevant.n_relevant) = ideal.n
    left join hits_in_list
        on
            evaluated_users.fold = hits_in_list.fold
            and measured_cutoffs.model = hits_in_list.model
            and evaluated_users.user_key = hits_in_list.user_key
            and measured_cutoffs.k = hits_in_list.k

)

select * from final
