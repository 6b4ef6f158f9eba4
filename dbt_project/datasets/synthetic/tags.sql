-- Tags that users gave to what they rated, one of 25 ratings: six words go with each taste.
select
    ratings."userId",
    ratings."movieId",
    ['about family', 'based on a book', 'beautiful', 'black and white', 'bleak', 'cars', 'chess', 'clever',
        'coming of age', 'cooking', 'courtroom', 'dogs', 'dreamlike', 'dry humour', 'epic', 'exams',
        'fast', 'feel-good', 'foreign', 'funny', 'great ending', 'heist', 'history', 'horses', 'long',
        'love story', 'magic', 'masks', 'memory', 'music', 'nature', 'newspapers', 'one night', 'politics',
        'predictable', 'puzzle', 'quirky', 'revenge', 'road trip', 'robots', 'sailing', 'satire', 'school',
        'sequel', 'slow', 'small town', 'snow', 'space', 'sports', 'spies', 'suspense', 'theatre',
        'time travel', 'trains', 'true story', 'twins', 'twist', 'underrated', 'violent', 'visually stunning',
        'war', 'witty', 'women', 'work'][
            1 + cast(floor(64 * bits('tag', items.cluster || ' ' || floor(6 * bits('tags', ids.id, 1)), 0)) as integer)
        ] as tag,
    ratings.timestamp + 60 as timestamp
from ratings
inner join items on ratings."movieId" = items.item_id
cross join lateral (select ratings."userId" || ' ' || ratings."movieId" as id) as ids
where bits('tags', ids.id, 0) < 0.04
order by ratings."userId", ratings."movieId"
