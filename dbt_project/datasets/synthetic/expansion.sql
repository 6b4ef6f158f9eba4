-- A real data set many times over, after Belletti et al., Scalable Realistic Recommendation Datasets
-- through Fractal Expansions (2019): the matrix of ratings is put in the place of each cell of a
-- small one. Variables: seed, n_copies, real: the folder of the real set, as MovieLens 1M.
--
-- Every user is there n_copies times, every item n_versions times. A copy of a user rates one version of
-- each item that the user rated: so users keep how much they rate, how, and with what beside it; the
-- ratings of an item are shared out unevenly among its versions, and each copy leans to one version
-- of everything, so that copies of one user differ in taste.
create table real_ratings as
select *
from read_csv(
    getvariable('real') || '/ratings.dat', names = ['user_id', 'movie_id', 'rating', 'timestamp'], delim = '::',
    header = false, all_varchar = true, quote = '', escape = '', encoding = 'latin-1'
);

create table real_movies as
select *
from read_csv(
    getvariable('real') || '/movies.dat', names = ['movie_id', 'title', 'genres'], delim = '::',
    header = false, all_varchar = true, quote = '', escape = '', encoding = 'latin-1'
);

create table real_users as
select *
from read_csv(
    getvariable('real') || '/users.dat', names = ['user_id', 'gender', 'age', 'occupation', 'zip_code'], delim = '::',
    header = false, all_varchar = true, quote = '', escape = '', encoding = 'latin-1'
);

create table settings as
select
    getvariable('n_copies') as n_copies,
    -- Catalogues grow more slowly than audiences.
    cast(round(power(getvariable('n_copies'), 0.75)) as integer) as n_versions,
    (select max(cast(user_id as integer)) from real_users) as n_users,
    (select max(cast(movie_id as integer)) from real_movies) as n_items;

create table ratings as
with copied as (

    select
        real_ratings.*,
        copies.copy,
        copies.copy || ' ' || real_ratings.user_id as copied_user,
        settings.n_versions,
        settings.n_users,
        settings.n_items
    from settings, real_ratings, generate_series(0, settings.n_copies - 1) as copies (copy)

)

select
    copy * n_users + cast(user_id as integer) as user_id,
    n_items * cast(floor(n_versions * power(
        case
            when bits('lean', copied_user || ' ' || movie_id, 0) < 0.5 then bits('leaning', copied_user, 0)
            else bits('lean', copied_user || ' ' || movie_id, 1)
        end, 2
    )) as integer) + cast(movie_id as integer) as movie_id,
    rating,
    -- All of a copy come up to a week later than the one that they are copies of.
    cast(timestamp as bigint) + cast(floor(bits('later', copied_user, 0) * 604800) as bigint) as timestamp
from copied;

create table users as
select
    copies.copy * settings.n_users + cast(real_users.user_id as integer) as user_id,
    real_users.* exclude (user_id)
from settings, real_users, generate_series(0, settings.n_copies - 1) as copies (copy);

create table movies as
select
    versions.version * settings.n_items + cast(real_movies.movie_id as integer) as movie_id,
    case
        when versions.version = 0 then real_movies.title
        else regexp_replace(real_movies.title, ' \((\d{4})\)$', ' [' || (versions.version + 1) || '] (\1)')
    end as title,
    real_movies.genres
from settings, real_movies, generate_series(0, settings.n_versions - 1) as versions (version);
