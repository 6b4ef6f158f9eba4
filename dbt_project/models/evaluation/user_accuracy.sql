-- One row per evaluated fold, model, user and cutoff: did the list find what the user came to
-- like? A model that gives a user no list has found nothing.

with evaluated_users as (

    select * from {{ ref('evaluated_users') }}
    where segment_kind = 'all'

),

measured_cutoffs as (

    select * from {{ ref('measured_cutoffs') }}

),

positive_weights as (

    select * from {{ ref('positive_weights') }}

),

ranked_lists as (

    select * from {{ ref('ranked_lists') }}

),

n_relevant as (

    select
        fold,
        user_key,
        count(*) as n_relevant,
        {{ exact_sum('weight', 30, 38) }} as weight
    from positive_weights
    group by fold, user_key

),

ks as (

    select distinct k from measured_cutoffs

),

-- The best list there could be begins with what is worth most.
in_order_of_weight as (

    select
        fold,
        user_key,
        weight,
        row_number() over (partition by fold, user_key order by weight desc, item_key) as place
    from positive_weights

),

ideal_weights as (

    select
        in_order_of_weight.fold,
        in_order_of_weight.user_key,
        ks.k,
        {{ exact_sum('in_order_of_weight.weight / log2(in_order_of_weight.place + 1)', 30, 38) }}
            as ideal_gain
    from in_order_of_weight
    inner join ks on in_order_of_weight.place <= ks.k
    group by in_order_of_weight.fold, in_order_of_weight.user_key, ks.k

),

ideal as ({{ ideal_gains(var('metric_ks') | max) }}),

hits as (

    select
        ranked_lists.fold,
        ranked_lists.model,
        ranked_lists.user_key,
        ranked_lists.rank,
        positive_weights.weight,
        positive_weights.popularity_place,
        row_number() over (
            partition by ranked_lists.fold, ranked_lists.model, ranked_lists.user_key
            order by ranked_lists.rank
        ) as nth_hit
    from ranked_lists
    inner join positive_weights
        on
            ranked_lists.fold = positive_weights.fold
            and ranked_lists.user_key = positive_weights.user_key
            and ranked_lists.item_key = positive_weights.item_key

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
        min(hits.rank) as first_hit,
        count(*) filter (where hits.popularity_place > measured_cutoffs.k) as n_unexpected_hits,
        {{ exact_sum('hits.weight', 30, 38) }} as weight,
        {{ exact_sum('hits.weight / log2(hits.rank + 1)', 30, 38) }} as weighted_gain
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
        coalesce(1.0 / hits_in_list.first_hit, 0.0) as mrr,
        coalesce(hits_in_list.n_unexpected_hits, 0) / measured_cutoffs.k as serendipity,
        coalesce(hits_in_list.weight, 0.0) / n_relevant.weight as recall_ips,
        coalesce(hits_in_list.weighted_gain, 0.0) / ideal_weights.ideal_gain as ndcg_ips
    from evaluated_users
    inner join measured_cutoffs on evaluated_users.fold = measured_cutoffs.fold
    inner join n_relevant
        on
            evaluated_users.fold = n_relevant.fold
            and evaluated_users.user_key = n_relevant.user_key
    inner join ideal on least(measured_cutoffs.k, n_relevant.n_relevant) = ideal.n
    inner join ideal_weights
        on
            evaluated_users.fold = ideal_weights.fold
            and evaluated_users.user_key = ideal_weights.user_key
            and measured_cutoffs.k = ideal_weights.k
    left join hits_in_list
        on
            evaluated_users.fold = hits_in_list.fold
            and measured_cutoffs.model = hits_in_list.model
            and evaluated_users.user_key = hits_in_list.user_key
            and measured_cutoffs.k = hits_in_list.k

)

select * from final
