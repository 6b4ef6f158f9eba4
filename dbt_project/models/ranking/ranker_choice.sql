-- One row per fold and ranker that runs: how well it ranked users who were held out while it
-- learned in earlier folds, against the blend, and whether it serves.

{%- set served = var('served_ranker') %}

with folds as (

    select * from {{ ref('folds') }}

),

ranker_folds as (

    select * from {{ ref('ranker_folds') }}

),

ranking_users as (

    select * from {{ ref('ranking_users') }}

),

test_positives as (

    select * from {{ ref('test_positives') }}

),

held_out_lists as (

    select * from {{ ref('held_out_lists') }}

),

rankers as (

    {% for ranker in ['blend'] + learned_rankers() -%}
    select
        '{{ ranker }}' as ranker,
        {{ loop.index }} as place
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

n_relevant as (

    select
        test_positives.fold,
        test_positives.user_key,
        count(*) as n_relevant
    from test_positives
    semi join ranking_users
        on
            test_positives.fold = ranking_users.fold
            and test_positives.user_key = ranking_users.user_key
    group by test_positives.fold, test_positives.user_key

),

ideal as ({{ ideal_gains(var('ranker_ndcg_k')) }}),

gains as (

    select
        held_out_lists.fold,
        held_out_lists.ranker,
        held_out_lists.ranker_fold,
        held_out_lists.user_key,
        {{ exact_sum('1.0 / log2(held_out_lists.rank + 1)', 30, 38) }} as gain
    from held_out_lists
    semi join test_positives
        on
            held_out_lists.ranker_fold = test_positives.fold
            and held_out_lists.user_key = test_positives.user_key
            and held_out_lists.item_key = test_positives.item_key
    group by
        held_out_lists.fold,
        held_out_lists.ranker,
        held_out_lists.ranker_fold,
        held_out_lists.user_key

),

-- What was not learned has no list of anybody.
learned as (

    select distinct
        fold,
        ranker
    from held_out_lists

),

-- A user of several folds counts once, so that users are independent of one another.
user_ndcg as (

    select
        learned.fold,
        learned.ranker,
        n_relevant.user_key,
        {{ exact_avg('coalesce(gains.gain, 0.0) / ideal.ideal_gain', 12, 38) }} as ndcg
    from learned
    inner join ranker_folds on learned.fold = ranker_folds.fold
    inner join n_relevant on ranker_folds.ranker_fold = n_relevant.fold
    inner join ideal
        on least({{ var('ranker_ndcg_k') }}, n_relevant.n_relevant) = ideal.n
    left join gains
        on
            learned.fold = gains.fold
            and learned.ranker = gains.ranker
            and ranker_folds.ranker_fold = gains.ranker_fold
            and n_relevant.user_key = gains.user_key
    group by learned.fold, learned.ranker, n_relevant.user_key

),

against_the_blend as (

    select
        own.fold,
        own.ranker,
        count(*) as n_users,
        {{ exact_avg('own.ndcg', 12, 38) }} as ndcg,
        {{ exact_avg('own.ndcg - blend.ndcg', 12, 38) }} as difference,
        {{ exact_avg('(own.ndcg - blend.ndcg) * (own.ndcg - blend.ndcg)', 12, 38) }}
            as mean_square
    from user_ndcg as own
    inner join user_ndcg as blend
        on own.fold = blend.fold and own.user_key = blend.user_key and blend.ranker = 'blend'
    group by own.fold, own.ranker

),

learned_in as (

    select
        fold,
        string_agg(ranker_fold, ', ' order by ranker_fold) as ranker_folds
    from ranker_folds
    group by fold

),

measured as (

    select
        folds.fold,
        learned_in.ranker_folds,
        folds.is_evaluated,
        rankers.ranker,
        rankers.place,
        against_the_blend.n_users,
        against_the_blend.ndcg,
        against_the_blend.difference,
        1.96 * sqrt(
            greatest(
                against_the_blend.mean_square
                - against_the_blend.difference * against_the_blend.difference,
                0.0
            )
            / nullif(against_the_blend.n_users - 1, 0)
        ) as half_width,
        rankers.ranker = 'blend' or learned.ranker is not null as can_serve
    from folds
    cross join rankers
    left join learned_in on folds.fold = learned_in.fold
    left join learned on folds.fold = learned.fold and rankers.ranker = learned.ranker
    left join against_the_blend
        on folds.fold = against_the_blend.fold and rankers.ranker = against_the_blend.ranker

),

-- Of two that do equally well the simpler one, named first, serves.
placed as (

    select
        *,
        row_number() over (
            partition by fold
            order by
                can_serve desc,
                {% if served is not none -%}
                ranker = {{ quoted(served) }} desc,
                {% endif -%}
                ndcg desc nulls last,
                place
        ) = 1 as is_served
    from measured

),

final as (

    select
        fold,
        ranker,
        ranker_folds,
        cast(n_users as bigint) as n_users,
        ndcg,
        cast({{ var('ranker_ndcg_k') }} as integer) as k,
        difference,
        difference - half_width as difference_ci_low,
        difference + half_width as difference_ci_high,
        is_served,
        -- Of a fold that nothing is measured on only the order that is served is of use.
        can_serve and (is_evaluated or is_served) as is_scored,
        case
            when not can_serve and ranker_folds is null
                then 'there is no earlier fold to learn from'
            when not can_serve then 'too few users to learn from'
            {% if served is not none -%}
            when ranker = {{ quoted(served) }} then 'chosen by the var served_ranker'
            {% endif -%}
            when is_served and ndcg is null then 'nothing else can serve'
            when is_served then 'the best on users held out'
            else 'not the best on users held out'
        end as reason
    from placed

)

select * from final
