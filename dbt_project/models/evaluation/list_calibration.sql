{{ config(materialized='by_fold', in_blocks_of_users=true) }}

-- One row per evaluated fold, model, user with likes and cutoff: how far the mix of categories of a
-- list is from that of what the user likes, as the Kullback-Leibler divergence KL(p || q) in bits
-- (Steck 2018). An item spreads evenly over its categories. A share calibration_alpha of the user's
-- own mix is added to the list's, so that a category that it lacks does not make it infinite.

with ranked_lists as (

    select * from {{ ref('ranked_lists') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

measured_cutoffs as (

    select * from {{ ref('measured_cutoffs') }}
    where {{ in_current_fold() }}

),

user_items as (

    select * from {{ ref('user_items') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

item_attributes as (

    select * from {{ ref('item_attributes') }}
    where kind = 'category'

),

item_categories as (

    select
        item_key,
        attribute,
        1.0 / count(*) over (partition by item_key) as share
    from item_attributes

),

liked_items as (

    select
        user_items.fold,
        user_items.user_key,
        item_categories.attribute,
        item_categories.share,
        count(distinct user_items.item_key)
            over (partition by user_items.fold, user_items.user_key) as n_items
    from user_items
    inner join item_categories on user_items.item_key = item_categories.item_key
    where user_items.is_positive

),

liked as (

    select
        fold,
        user_key,
        attribute,
        {{ exact_sum('share', 15, 38) }} / any_value(n_items) as p
    from liked_items
    group by fold, user_key, attribute

),

listed_items as (

    select
        ranked_lists.fold,
        ranked_lists.model,
        ranked_lists.user_key,
        ranked_lists.item_key,
        measured_cutoffs.k
    from ranked_lists
    semi join liked using (fold, user_key)
    inner join measured_cutoffs
        on
            ranked_lists.fold = measured_cutoffs.fold
            and ranked_lists.model = measured_cutoffs.model
            and ranked_lists.rank <= measured_cutoffs.k
    semi join item_categories on ranked_lists.item_key = item_categories.item_key

),

list_lengths as (

    select
        fold,
        model,
        user_key,
        k,
        count(*) as n_items
    from listed_items
    group by fold, model, user_key, k

),

listed as (

    select
        listed_items.fold,
        listed_items.model,
        listed_items.user_key,
        listed_items.k,
        item_categories.attribute,
        {{ exact_sum('item_categories.share', 15, 38) }} as n_items
    from listed_items
    inner join item_categories on listed_items.item_key = item_categories.item_key
    group by
        listed_items.fold,
        listed_items.model,
        listed_items.user_key,
        listed_items.k,
        item_categories.attribute

),

-- Over the categories that both have; what a list lacks altogether brings p × log2(1 / alpha).
in_common as (

    select
        listed.fold,
        listed.model,
        listed.user_key,
        listed.k,
        {{ exact_sum(
            'liked.p * log2(' ~ var('calibration_alpha') ~ ' * liked.p / ('
            ~ (1 - var('calibration_alpha')) ~ ' * listed.n_items / list_lengths.n_items + '
            ~ var('calibration_alpha') ~ ' * liked.p))', 15, 38
        ) }} as divergence
    from listed
    inner join list_lengths using (fold, model, user_key, k)
    inner join liked
        on
            listed.fold = liked.fold
            and listed.user_key = liked.user_key
            and listed.attribute = liked.attribute
    group by listed.fold, listed.model, listed.user_key, listed.k

),

final as (

    select
        list_lengths.fold,
        list_lengths.model,
        list_lengths.user_key,
        list_lengths.k,
        -- Rounding may leave a little less than nothing.
        greatest(coalesce(in_common.divergence, 0.0) - log2({{ var('calibration_alpha') }}), 0.0)
            as calibration_kl
    from list_lengths
    left join in_common using (fold, model, user_key, k)

)

select * from final
