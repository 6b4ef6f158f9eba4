-- Tables that the ratings are drawn from: settings, days, items, users. Variables: seed, n_events.
--
-- The shape is that of MovieLens 25M, at every size. What is drawn depends on the seed and on ids alone.

create table settings as
select
    -- MovieLens 25M has 24,999,912 ratings of 162,540 users on 59,046 items, MovieLens 1M a few
    -- thousand items: catalogues grow more slowly than audiences.
    cast(round(getvariable('n_events') / 24999912.0 * 162540) as integer) as n_users,
    cast(round(power(getvariable('n_events') / 24999912.0, 0.75) * 59046) as integer) as n_items,
    -- How soon ratings become few down a list: the longer it is, the more it has that few know.
    17.0 * power(getvariable('n_events') / 5e6, 0.07) as steepness,
    date '1995-01-09' as first_day,
    date '2019-11-21' as last_day;

-- Tastes: each cluster of items is liked by some. More of them where there are more items.
create table clusters as
with drawn as (

    select
        cast(cluster as integer) as cluster,
        power(cluster + 3.0, -0.6) as appeal
    from settings, generate_series(
        0, cast(greatest(12, round(sqrt(settings.n_items) / 4)) as bigint) - 1
    ) as numbers (cluster)

)

select
    cluster,
    (sum(appeal) over (order by cluster) - appeal) / sum(appeal) over () as from_share
from drawn;

-- How many people arrive on a day: more in some years, in winter and on weekends, and on a few days
-- when something makes many come at once.
create table days as
with drawn as (

    select
        cast(day as integer) as day,
        settings.first_day + cast(day as integer) as date
    from settings, generate_series(
        0, datediff('day', settings.first_day, settings.last_day)
    ) as numbers (day)

),

weighed as (

    select
        day,
        date,
        (0.4 + bits('year', year(date), 0))
        * (1.0 + 0.25 * cos(2 * pi() * (dayofyear(date) - 10) / 365.25))
        * case when isodow(date) >= 6 then 1.25 else 1.0 end
        * case when bits('burst', day, 0) < 0.004 then 4.0 + 6.0 * bits('burst', day, 1) else 1.0 end
            as weight
    from drawn

)

select
    day,
    date,
    (sum(weight) over (order by day) - weight) / sum(weight) over () as from_share
from weighed;

-- Items: their taste, when they came out, and their place by appeal among those of the same taste.
-- A third comes out while people rate, ever more of them each year.
create table items as
with drawn as (

    select
        cast(item as integer) as item_id,
        bits('item', item, 0) as cluster_draw,
        bits('item', item, 1) as release_draw,
        bits('item', item, 2) as era_draw,
        bits('item', item, 3) as appeal_draw
    from settings, generate_series(1, settings.n_items) as numbers (item)

),

placed as (

    select
        drawn.*,
        clusters.cluster,
        case
            when drawn.era_draw < 0.35
                then cast(floor(power(drawn.release_draw, 0.7) * (select max(day) from days)) as integer)
            else -1 - cast(floor(power(drawn.release_draw, 2.2) * 25000) as integer)
        end as release_day
    from drawn
    asof join clusters on drawn.cluster_draw >= clusters.from_share

)

select
    item_id,
    cluster,
    release_day,
    cast(row_number() over (partition by cluster order by appeal_draw, item_id) as integer) as place,
    cast(count(*) over (partition by cluster) as integer) as n_items,
    -- What people think of it, in stars.
    0.45 * sqrt(-2 * ln(1.0 - bits('quality', item_id, 0))) * cos(2 * pi() * bits('quality', item_id, 1))
        as quality
from placed;

-- The lists that ratings are drawn from, best first: what has come out in the four months before a
-- month (new), everything (all), what is of one taste (taste).
create table listed as
with by_appeal as (

    select
        *,
        place / n_items as depth
    from items

)

select
    'new' as list,
    months.month as list_number,
    cast(row_number() over (
        partition by months.month order by by_appeal.depth, by_appeal.item_id
    ) as integer) as place,
    by_appeal.item_id,
    by_appeal.cluster,
    by_appeal.release_day,
    by_appeal.quality
from (select distinct cast(floor(day / 30) as integer) as month from days) as months
inner join by_appeal
    on floor(by_appeal.release_day / 30) between months.month - 4 and months.month
where by_appeal.release_day >= 0
union all
select
    'all' as list,
    0 as list_number,
    cast(row_number() over (order by depth, item_id) as integer) as place,
    item_id,
    cluster,
    release_day,
    quality
from by_appeal
union all
select
    'taste' as list,
    cluster as list_number,
    place,
    item_id,
    cluster,
    release_day,
    quality
from by_appeal;

create table lists as
select
    list,
    list_number,
    cast(count(*) as integer) as n_items
from listed
group by list, list_number;

-- Users: when they come, how many items they rate, in how many visits over how many days, and the
-- three tastes that most of it is of. Ratings of a user are log-normal above 18 (loc 18.636, scale
-- 39.862, s 1.589 fit MovieLens 25M best: https://codex.lenskit.org/movielens/ML25M/description.html).
create table users as
with drawn as (

    select
        cast(user_number as integer) as user_id,
        bits('user', user_number, 0) as arrival_draw,
        sqrt(-2 * ln(1.0 - bits('user', user_number, 1)))
        * cos(2 * pi() * bits('user', user_number, 2)) as activity,
        bits('user', user_number, 3) as stay_draw
    from settings, generate_series(1, settings.n_users) as numbers (user_number)

),

arrived as (

    select
        drawn.*,
        days.day as arrival_day,
        (select max(day) from days) - days.day as n_days_left,
        18.636 + 39.862 * exp(1.589 * drawn.activity) as n_wanted
    from drawn
    asof join days on drawn.arrival_draw >= days.from_share

),

scaled as (

    select
        *,
        -- Nobody meets more than a third of all items.
        cast(least(
            greatest(20, round(
                18.636 + (n_wanted - 18.636)
                * (1.12 * power(25e6 / getvariable('n_events'), 0.07) * getvariable('n_events') / count(*) over () - 18.636) / (avg(n_wanted) over () - 18.636)
            )),
            (select n_items from settings) / 3
        ) as integer) as n_ratings
    from arrived

),

first_taste as (

    select
        scaled.*,
        clusters.cluster as taste_1
    from scaled
    asof join clusters on bits('taste', scaled.user_id, 0) >= clusters.from_share

),

second_taste as (

    select
        first_taste.*,
        clusters.cluster as taste_2
    from first_taste
    asof join clusters on bits('taste', first_taste.user_id, 1) >= clusters.from_share

)

select
    second_taste.user_id,
    second_taste.arrival_day,
    second_taste.n_ratings,
    1 + cast(floor(-ln(1.0 - second_taste.stay_draw) * second_taste.n_ratings / 60.0) as integer)
        as n_visits,
    cast(least(
        second_taste.n_days_left,
        floor(-ln(1.0 - bits('stay', second_taste.user_id, 0)) * 300)
    ) as integer) as n_days_here,
    second_taste.taste_1,
    second_taste.taste_2,
    clusters.cluster as taste_3,
    bits('taste', second_taste.user_id, 3) * 0.5 as openness,
    0.4 * sqrt(-2 * ln(1.0 - bits('mood', second_taste.user_id, 0)))
    * cos(2 * pi() * bits('mood', second_taste.user_id, 1)) as leniency
from second_taste
asof join clusters on bits('taste', second_taste.user_id, 2) >= clusters.from_share;
