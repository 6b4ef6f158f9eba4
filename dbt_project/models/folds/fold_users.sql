-- One row per fold and user who is given recommendations in it: everybody in `live`; in the
-- evaluated folds those with something to find, or all, up to a limit.

{%- if var('refit') != 'nightly' %}
-- depends_on: {{ ref('changed_users') }}
{%- endif %}

with folds as (

    select * from {{ ref('folds') }}

),

users as (

    select * from {{ ref('users') }}

),

test_positives as (

    select * from {{ ref('test_positives') }}

),

train_interactions as (

    select * from {{ ref('train_interactions') }}

),

with_positives as (

    select
        fold,
        user_key,
        count(*) as n_test_positives
    from test_positives
    group by fold, user_key

),

with_history as (

    select distinct
        fold,
        user_key
    from train_interactions

),

eligible as (

    select
        folds.fold,
        folds.is_evaluated,
        users.user_key,
        with_history.user_key is null as is_cold,
        coalesce(with_positives.n_test_positives, 0) as n_test_positives,
        row_number() over (
            partition by folds.fold order by md5(users.user_id), users.user_key
        ) as draw
    from folds
    cross join users
    left join with_positives
        on folds.fold = with_positives.fold and users.user_key = with_positives.user_key
    left join with_history
        on folds.fold = with_history.fold and users.user_key = with_history.user_key
    where
        not folds.is_evaluated
        {% if var('candidate_users') == 'all' -%}
        or true
        {% elif var('candidate_users') == 'warm' -%}
        or (with_positives.n_test_positives > 0 and with_history.user_key is not null)
        {% else -%}
        or with_positives.n_test_positives > 0
        {% endif %}

),

final as (

    select
        fold,
        user_key,
        is_cold,
        n_test_positives
    from eligible
    {%- if sized('max_candidate_users') is not none %}
    where not is_evaluated or draw <= {{ sized('max_candidate_users') }}
    {%- endif %}

)

select * from final
