-- One row per evaluated fold, user and item to be found: how likely anybody meets it, what finding
-- it is worth in the light of that, and where it would stand in a list of what most people like.
--
-- People come to like what they come to meet, and mostly that is what is popular. Weighing each
-- item by 1 / propensity (Schnabel et al. 2016; Yang et al. 2018) makes up for it. Propensities are
-- the owner's (item_propensities), else the popularity of the item over that of the most popular
-- one, to the power of propensity_power (Saito et al. 2020); never below min_propensity, so that a
-- few items that nobody meets do not decide.

with evaluated_users as (

    select * from {{ ref('evaluated_users') }}
    where segment_kind = 'all'

),

test_positives as (

    select * from {{ ref('test_positives') }}

),

user_items as (

    select * from {{ ref('user_items') }}

),

item_features as (

    select * from {{ ref('item_features') }}

),

item_propensities as (

    select * from {{ ref('item_propensities') }}

),

popularity as (

    select
        fold,
        item_key,
        n_users / nullif(max(n_users) over (partition by fold), 0) as user_share_of_most,
        row_number() over (partition by fold order by n_positive_users desc, item_key)
            as popularity_rank
    from item_features

),

met_or_to_be_found as (

    select
        test_positives.fold,
        test_positives.user_key,
        test_positives.item_key,
        true as is_to_be_found
    from test_positives
    semi join evaluated_users using (fold, user_key)
    union all
    select
        user_items.fold,
        user_items.user_key,
        user_items.item_key,
        false as is_to_be_found
    from user_items
    semi join evaluated_users using (fold, user_key)

),

-- A user's list of the popular leaves out what the user has met.
placed as (

    select
        met_or_to_be_found.*,
        popularity.user_share_of_most,
        popularity.popularity_rank - count(*) filter (where not met_or_to_be_found.is_to_be_found)
            over (
                partition by met_or_to_be_found.fold, met_or_to_be_found.user_key
                order by popularity.popularity_rank, met_or_to_be_found.item_key
                rows unbounded preceding
            ) as popularity_place
    from met_or_to_be_found
    left join popularity
        on
            met_or_to_be_found.fold = popularity.fold
            and met_or_to_be_found.item_key = popularity.item_key

),

with_propensities as (

    select
        placed.fold,
        placed.user_key,
        placed.item_key,
        placed.popularity_place,
        greatest(
            coalesce(
                item_propensities.propensity,
                power(coalesce(placed.user_share_of_most, 0.0), {{ var('propensity_power') }})
            ),
            {{ var('min_propensity') }}
        ) as propensity
    from placed
    left join item_propensities on placed.item_key = item_propensities.item_key
    where placed.is_to_be_found

),

final as (

    select
        fold,
        user_key,
        item_key,
        propensity,
        1.0 / propensity as weight,
        popularity_place
    from with_propensities

)

select * from final
