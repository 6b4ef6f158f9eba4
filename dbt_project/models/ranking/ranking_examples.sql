{{ config(materialized='view') }}

-- One row per fold that a ranker is learned in, user and candidate: what the ranker is told, and
-- whether the user came to like the item. Read by fold and in blocks of users, like the features.

with ranking_features as (

    select * from {{ ref('ranking_features') }}

),

ranking_users as (

    select * from {{ ref('ranking_users') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

test_positives as (

    select * from {{ ref('test_positives') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

labelled as (

    select
        ranking_features.*,
        ranking_users.part,
        test_positives.item_key is not null as is_positive,
        row_number() over (
            partition by
                ranking_features.fold,
                ranking_features.user_key,
                test_positives.item_key is not null
            order by
                md5(concat_ws('|', ranking_features.user_key, ranking_features.item_key)),
                ranking_features.item_key
        ) as draw
    from ranking_features
    inner join ranking_users
        on
            ranking_features.fold = ranking_users.fold
            and ranking_features.user_key = ranking_users.user_key
    left join test_positives
        on
            ranking_features.fold = test_positives.fold
            and ranking_features.user_key = test_positives.user_key
            and ranking_features.item_key = test_positives.item_key

),

final as (

    select
        * exclude (draw),
        {% if var('ranker_negatives') is none -%}
        true as is_taught
        {%- else -%}
        is_positive or draw <= {{ var('ranker_negatives') }} as is_taught
        {%- endif %}
    from labelled

)

-- Its columns are as many as there are features.
select * from final  -- noqa: AM04
