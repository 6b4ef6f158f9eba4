-- One row per evaluated fold, model, cutoff and group of items: the share of all exposure that the
-- group gets, beside its share of what people came to like and of the catalogue. A place on a list
-- is worth 1 / log2(rank + 1) of exposure (Singh and Joachims 2018). Shares are of the items that
-- are in any group of that kind.

with measured_cutoffs as (

    select * from {{ ref('measured_cutoffs') }}

),

ranked_lists as (

    select * from {{ ref('ranked_lists') }}

),

positive_weights as (

    select * from {{ ref('positive_weights') }}

),

item_groups as (

    select * from {{ ref('item_groups') }}

),

exposed_items as (

    select
        ranked_lists.fold,
        ranked_lists.model,
        measured_cutoffs.k,
        ranked_lists.item_key,
        {{ exact_sum('1.0 / log2(ranked_lists.rank + 1)', 15, 38) }} as exposure
    from ranked_lists
    inner join measured_cutoffs
        on
            ranked_lists.fold = measured_cutoffs.fold
            and ranked_lists.model = measured_cutoffs.model
            and ranked_lists.rank <= measured_cutoffs.k
    group by all

),

exposed as (

    select
        exposed_items.fold,
        exposed_items.model,
        exposed_items.k,
        item_groups.group_kind,
        item_groups.item_group,
        sum(cast(exposed_items.exposure * item_groups.share as decimal(38, 15))) as exposure
    from exposed_items
    inner join item_groups
        on
            exposed_items.fold = item_groups.fold
            and exposed_items.item_key = item_groups.item_key
    group by all

),

liked as (

    select
        item_groups.fold,
        item_groups.group_kind,
        item_groups.item_group,
        sum(cast(item_groups.share as decimal(38, 15))) as n_positives
    from positive_weights
    inner join item_groups
        on
            positive_weights.fold = item_groups.fold
            and positive_weights.item_key = item_groups.item_key
    group by all

),

offered as (

    select
        fold,
        group_kind,
        item_group,
        sum(cast(share as decimal(38, 15))) as n_items
    from item_groups
    group by all

),

-- Every group at every cutoff, whether it is shown or not. Decimals add exactly, in any order.
measured as (

    select
        measured_cutoffs.fold,
        measured_cutoffs.model,
        measured_cutoffs.k,
        offered.group_kind,
        offered.item_group,
        offered.n_items,
        coalesce(exposed.exposure, 0) as exposure,
        coalesce(liked.n_positives, 0) as n_positives
    from measured_cutoffs
    inner join offered on measured_cutoffs.fold = offered.fold
    left join exposed
        on
            measured_cutoffs.fold = exposed.fold
            and measured_cutoffs.model = exposed.model
            and measured_cutoffs.k = exposed.k
            and offered.group_kind = exposed.group_kind
            and offered.item_group = exposed.item_group
    left join liked
        on
            offered.fold = liked.fold
            and offered.group_kind = liked.group_kind
            and offered.item_group = liked.item_group

),

final as (

    select
        fold,
        model,
        k,
        group_kind,
        item_group,
        cast(exposure as double) / nullif(cast(sum(exposure) over kind as double), 0)
            as exposure_share,
        cast(n_positives as double) / nullif(cast(sum(n_positives) over kind as double), 0)
            as positive_share,
        cast(n_items as double) / nullif(cast(sum(n_items) over kind as double), 0)
            as catalog_share
    from measured
    window kind as (partition by fold, model, k, group_kind)

)

select * from final
