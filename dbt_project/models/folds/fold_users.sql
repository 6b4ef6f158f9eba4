-- One row per fold and user who is given recommendations in it: everybody in `live`, or, up to a
-- limit, those who were active last; in the evaluated folds those with something to find, or all,
-- up to a limit, drawn by their ids.

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

    select
        fold,
        user_key,
        max(occurred_at) as last_interaction_at,
        count(*) as n_interactions
    from train_interactions
    group by fold, user_key

),

eligible as (

    select
        folds.fold,
        folds.is_evaluated,
        users.user_key,
        with_history.user_key is null as is_cold,
        coalesce(with_positives.n_test_positives, 0) as n_test_positives,
        row_number() over (
            partition by folds.fold
            order by
                case when not folds.is_evaluated then with_history.last_interaction_at end
                desc nulls last,
                case when not folds.is_evaluated then with_history.n_interactions end
                desc nulls last,
                md5(users.user_id),
                users.user_key
        ) as place
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
    where
        case
            when is_evaluated then place <= {{ tojson(sized('max_candidate_users')) }}
            else place <= {{ tojson(sized('max_live_users')) }}
        end is not false

)

select * from final
