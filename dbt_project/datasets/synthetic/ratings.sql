-- The ratings of the users from first_user to last_user, by user and item. What is drawn of an item
-- that is not out on that day, or that the user has rated already, is dropped; so more is drawn than
-- is needed.
with slots as (

    select
        users.*,
        numbers.slot,
        users.user_id || ' ' || numbers.slot as slot_id
    from users, generate_series(1, cast(
        20 + users.n_ratings * (2.5 + 24.0 * users.n_ratings / (select n_items from settings)) as bigint
    )) as numbers (slot)
    where users.user_id between getvariable('first_user') and getvariable('last_user')

),

drawn as (

    select
        *,
        bits('what', slot_id, 0) as list_draw,
        bits('what', slot_id, 1) * bits('what', slot_id, 2) * bits('what', slot_id, 3) as product,
        bits('when', slot_id, 0) as visit_draw,
        bits('when', slot_id, 1) as moment_draw,
        bits('when', slot_id, 2) as stars_draw,
        bits('when', slot_id, 3) as stars_turn
    from slots

),

-- What is new, what everybody knows, or what is to one's taste; and how far down that list. Whoever
-- has rated much knows the top of it.
looked as (

    select
        *,
        case
            when list_draw < 0.10 then 'new'
            when list_draw < 0.20 + openness then 'all'
            else 'taste'
        end as list,
        case
            when list_draw < 0.10 then cast(floor(day / 30) as integer)
            when list_draw < 0.20 + openness then 0
            when visit_draw * 4096 - floor(visit_draw * 4096) < 0.55 then taste_1
            when visit_draw * 4096 - floor(visit_draw * 4096) < 0.85 then taste_2
            else taste_3
        end as list_number,
        -- At the share (t / steepness)³ of its length, an item of a list has exp(-t) of the first
        -- one's ratings: t is then distributed as the sum of three exponentials.
        power((-ln(product + 1e-30) + 4.0 * n_ratings / (n_ratings + 600.0)) / (select steepness from settings), 3) as depth
    from (
        select
            *,
            cast(floor(visit_draw * n_visits) as integer) as visit,
            arrival_day + cast(floor(
                n_days_here * power(floor(visit_draw * n_visits) / n_visits, 1.5)
            ) as integer) as day
        from drawn
    )
    where depth < 1.0

),

met as (

    select
        looked.user_id,
        looked.n_ratings,
        looked.slot,
        listed.item_id,
        looked.day,
        -- In the evening more often than in the morning; a visit takes up to two hours.
        cast(floor(
            79000 * sqrt(bits('visit', looked.user_id || ' ' || looked.visit, 0))
            + 7200 * looked.moment_draw
        ) as integer) as second,
        3.55 + looked.leniency + listed.quality
        + case when listed.cluster in (looked.taste_1, looked.taste_2, looked.taste_3) then 0.3 else -0.4 end
        + 0.75 * sqrt(-2 * ln(1.0 - looked.stars_draw)) * cos(2 * pi() * looked.stars_turn) as stars
    from looked
    inner join lists
        on looked.list = lists.list and looked.list_number = lists.list_number
    inner join listed
        on
            looked.list = listed.list
            and looked.list_number = listed.list_number
            and listed.place = 1 + cast(floor(looked.depth * lists.n_items) as integer)
    where listed.release_day <= looked.day

),

once as (

    select
        *,
        row_number() over (partition by user_id order by slot) as nth
    from (
        select *
        from met
        qualify row_number() over (partition by user_id, item_id order by slot) = 1
    )
    qualify nth <= n_ratings

)

select
    once.user_id as "userId",
    once.item_id as "movieId",
    least(5.0, greatest(0.5, round(once.stars * 2) / 2)) as rating,
    epoch(settings.first_day)::bigint + 86400 * once.day + once.second as timestamp
from once
cross join settings
order by once.user_id, once.item_id
