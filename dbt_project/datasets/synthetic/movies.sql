-- Titles, years and genres. What an item is called and what genres it has go with its taste.
with words as (

    select
        items.*,
        ['Amber', 'Ancient', 'Autumn', 'Bitter', 'Blind', 'Blue', 'Borrowed', 'Brave', 'Broken', 'Burning',
            'Cold', 'Crooked', 'Dark', 'Distant', 'Empty', 'Endless', 'Fallen', 'False', 'Final', 'First',
            'Foreign', 'Forgotten', 'Frozen', 'Gentle', 'Golden', 'Great', 'Hidden', 'Hollow', 'Iron', 'Last',
            'Little', 'Lonely', 'Long', 'Lost', 'Lucky', 'Midnight', 'Narrow', 'New', 'Old', 'Open',
            'Painted', 'Paper', 'Perfect', 'Quiet', 'Red', 'Restless', 'Rising', 'Second', 'Secret', 'Seven',
            'Silent', 'Silver', 'Simple', 'Stolen', 'Strange', 'Sudden', 'Sweet', 'Third', 'Velvet', 'Warm',
            'White', 'Wild', 'Winter', 'Wooden'] as adjectives,
        ['Actor', 'Admiral', 'Alibi', 'Anchor', 'Apprentice', 'Archive', 'Balloon', 'Barber', 'Bicycle',
            'Border', 'Bridge', 'Brother', 'Cabin', 'Captain', 'Carnival', 'Castle', 'Circle', 'Colony',
            'Comet', 'Courier', 'Dancer', 'Daughter', 'Desert', 'Diary', 'Doctor', 'Dragon', 'Engine',
            'Farmer', 'Ferry', 'Fortune', 'Garden', 'General', 'Ghost', 'Giant', 'Guest', 'Harbour',
            'Heart', 'Horizon', 'Hotel', 'Island', 'Journey', 'Judge', 'Kingdom', 'Letter', 'Lighthouse',
            'Machine', 'Mirror', 'Mountain', 'Neighbour', 'Ocean', 'Orchestra', 'Palace', 'Pilot', 'Planet',
            'River', 'Robot', 'Sister', 'Soldier', 'Station', 'Stranger', 'Summer', 'Train', 'Village',
            'Witness'] as nouns,
        ['Antwerp', 'Aleppo', 'Bergen', 'Bilbao', 'Cairo', 'Cork', 'Dakar', 'Delhi', 'Essen', 'Fez', 'Ghent',
            'Graz', 'Hanoi', 'Havana', 'Izmir', 'Jaipur', 'Kyoto', 'Lagos', 'Leeds', 'Lima', 'Malmo', 'Minsk',
            'Nantes', 'Odessa', 'Oslo', 'Porto', 'Quito', 'Riga', 'Salta', 'Split', 'Tartu', 'Tunis']
            as places,
        ['Action', 'Adventure', 'Animation', 'Children', 'Comedy', 'Crime', 'Documentary', 'Drama', 'Fantasy',
            'Film-Noir', 'Horror', 'IMAX', 'Musical', 'Mystery', 'Romance', 'Sci-Fi', 'Thriller', 'War',
            'Western'] as genres,
        settings.first_day + items.release_day as released_on,
        -- Five words of 64 for each taste.
        cast(floor(bits('word', items.cluster || ' ' || floor(bits('title', items.item_id, 0) * 5), 0) * 64)
            as integer) as noun
    from items
    cross join settings

),

named as (

    select
        item_id,
        'The '
        || adjectives[1 + cast(floor(bits('title', item_id, 1) * 64) as integer)]
        || ' ' || nouns[1 + noun]
        || ' of ' || places[1 + cast(floor(bits('title', item_id, 2) * 32) as integer)] as name,
        year(released_on) as released_in,
        list_distinct([
            genres[1 + cluster % 19],
            case when bits('genre', item_id, 0) < 0.6 then genres[1 + (cluster * 7 + 3) % 19] end,
            case when bits('genre', item_id, 1) < 0.15
                then genres[1 + cast(floor(bits('genre', item_id, 2) * 19) as integer)] end
        ]) as genres
    from words

)

select
    item_id as "movieId",
    name || ' (' || released_in || ')' as title,
    array_to_string(list_sort(genres), '|') as genres
from named
order by item_id
