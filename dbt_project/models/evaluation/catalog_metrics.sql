-- One row per evaluated fold, model, metric, cutoff and segment: how the lists of a segment
-- together use the catalogue. A number about all lists has no mean over users, so its interval
-- is a jackknife's: users fall into jackknife_groups groups, each group is left out in turn, and
-- the spread of the results gives the standard error.

with measured_cutoffs as (

    select * from {{ ref('measured_cutoffs') }}

),

ranked_lists as (

    select * from {{ ref('ranked_lists') }}

),

evaluated_users as (

    select * from {{ ref('evaluated_users') }}

),

n_items as (

    select
        fold,
        count(*) as n_items
    from {{ ref('fold_items') }}
    group by fold

),

n_users as (

    select
        fold,
        segment_kind,
        segment,
        count(*) as n_users
    from evaluated_users
    group by fold, segment_kind, segment

),

-- How often each item is shown to each group of users.
shown_to_groups as (

    select
        ranked_lists.fold,
        ranked_lists.model,
        measured_cutoffs.k,
        evaluated_users.segment_kind,
        evaluated_users.segment,
        ranked_lists.item_key,
        ranked_lists.user_key % {{ var('jackknife_groups') }} as user_group,
        count(*) as n_shown
    from ranked_lists
    inner join measured_cutoffs
        on
            ranked_lists.fold = measured_cutoffs.fold
            and ranked_lists.model = measured_cutoffs.model
            and ranked_lists.rank <= measured_cutoffs.k
    inner join evaluated_users
        on
            ranked_lists.fold = evaluated_users.fold
            and ranked_lists.user_key = evaluated_users.user_key
    group by all

),

shown as (

    select
        fold,
        model,
        k,
        segment_kind,
        segment,
        item_key,
        sum(n_shown) as n_shown
    from shown_to_groups
    group by all

),

user_groups as (

    select unnest(range({{ var('jackknife_groups') }})) as user_group

),

-- The exposure of each item over all users (left_out is null), and with each group left out.
exposures as (

    select
        *,
        cast(null as integer) as left_out
    from shown
    union all
    select
        shown.* exclude (n_shown),
        shown.n_shown - coalesce(shown_to_groups.n_shown, 0) as n_shown,
        user_groups.user_group as left_out
    from shown
    cross join user_groups
    left join shown_to_groups
        on
            shown.fold = shown_to_groups.fold
            and shown.model = shown_to_groups.model
            and shown.k = shown_to_groups.k
            and shown.segment_kind = shown_to_groups.segment_kind
            and shown.segment = shown_to_groups.segment
            and shown.item_key = shown_to_groups.item_key
            and user_groups.user_group = shown_to_groups.user_group

),

-- Users who have a list, in each group and in all but it.
listed_users as (

    select
        ranked_lists.fold,
        ranked_lists.model,
        evaluated_users.segment_kind,
        evaluated_users.segment,
        ranked_lists.user_key % {{ var('jackknife_groups') }} as user_group,
        count(*) as n_listed
    from ranked_lists
    inner join evaluated_users
        on
            ranked_lists.fold = evaluated_users.fold
            and ranked_lists.user_key = evaluated_users.user_key
    where ranked_lists.rank = 1
    group by all

),

n_listed as (

    select
        listed_users.fold,
        listed_users.model,
        listed_users.segment_kind,
        listed_users.segment,
        cast(null as integer) as left_out,
        sum(listed_users.n_listed) as n_listed
    from listed_users
    group by listed_users.fold, listed_users.model, listed_users.segment_kind, listed_users.segment
    union all
    select
        listed_users.fold,
        listed_users.model,
        listed_users.segment_kind,
        listed_users.segment,
        user_groups.user_group as left_out,
        sum(listed_users.n_listed) filter (where listed_users.user_group <> user_groups.user_group)
            as n_listed
    from listed_users
    cross join user_groups
    group by
        listed_users.fold,
        listed_users.model,
        listed_users.segment_kind,
        listed_users.segment,
        user_groups.user_group

),

-- Items that are shown as often are alike: there are far fewer such numbers than items.
shown_alike as (

    select
        fold,
        model,
        k,
        segment_kind,
        segment,
        left_out,
        n_shown,
        count(*) as n
    from exposures
    where n_shown > 0
    group by fold, model, k, segment_kind, segment, left_out, n_shown

),

placed as (

    select
        *,
        sum(n) over (
            partition by fold, model, k, segment_kind, segment, left_out
            order by n_shown desc
            rows unbounded preceding
        ) - n as n_above
    from shown_alike

),

-- Gini over all available items: those never shown stand below, with no exposure. Items that are
-- alike take the places from n_above + 1 to n_above + n.
measured as (

    select
        placed.fold,
        placed.model,
        placed.k,
        placed.segment_kind,
        placed.segment,
        placed.left_out,
        sum(placed.n) / n_items.n_items as catalog_coverage,
        sum(
            placed.n_shown * placed.n * (n_items.n_items - 2 * placed.n_above - placed.n)
        ) / (n_items.n_items * sum(placed.n_shown * placed.n)) as gini,
        -- An item on n lists is common to n (n - 1) pairs of them.
        sum(placed.n * placed.n_shown * (placed.n_shown - 1))
        / nullif(placed.k * n_listed.n_listed * (n_listed.n_listed - 1), 0)
            as inter_user_similarity
    from placed
    inner join n_items on placed.fold = n_items.fold
    inner join n_listed
        on
            placed.fold = n_listed.fold
            and placed.model = n_listed.model
            and placed.segment_kind = n_listed.segment_kind
            and placed.segment = n_listed.segment
            and placed.left_out is not distinct from n_listed.left_out
    group by
        placed.fold,
        placed.model,
        placed.k,
        placed.segment_kind,
        placed.segment,
        placed.left_out,
        n_items.n_items,
        n_listed.n_listed

),

tall as (

    {% for metric in ['catalog_coverage', 'gini', 'inter_user_similarity'] -%}
    select
        fold,
        model,
        '{{ metric }}' as metric,
        k,
        segment_kind,
        segment,
        left_out,
        {{ metric }} as value
    from measured
    where {{ metric }} is not null
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

intervals as (

    select
        fold,
        model,
        metric,
        k,
        segment_kind,
        segment,
        max(value) filter (where left_out is null) as value,
        {{ exact_avg('case when left_out is not null then value end') }} as jackknife_mean,
        {{ exact_avg('case when left_out is not null then value * value end') }}
            as jackknife_mean_square,
        count(left_out) as n_groups
    from tall
    group by fold, model, metric, k, segment_kind, segment

),

final as (

    select
        intervals.fold,
        intervals.model,
        intervals.metric,
        intervals.k,
        intervals.segment_kind,
        intervals.segment,
        intervals.value,
        -- Where a part of the groups leaves nothing to measure, there is no interval.
        case when intervals.n_groups = {{ var('jackknife_groups') }} then 1.96 end * sqrt(
            (intervals.n_groups - 1)
            * greatest(
                intervals.jackknife_mean_square
                - intervals.jackknife_mean * intervals.jackknife_mean,
                0.0
            )
        ) as half_width,
        n_users.n_users
    from intervals
    inner join n_users using (fold, segment_kind, segment)

)

select * from final
