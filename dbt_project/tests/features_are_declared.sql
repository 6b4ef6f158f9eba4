-- A ranker is told what feature_definitions lists, and nothing else.

with told as (

    select column_name as feature
    from information_schema.columns
    where
        table_schema = '{{ ref('ranking_features').schema }}'
        and table_name = '{{ ref('ranking_features').identifier }}'
        and column_name not in ('fold', 'user_key', 'item_key')

),

declared as (

    select feature from {{ ref('feature_definitions') }}

)

select
    told.feature as told,
    declared.feature as declared
from told
full outer join declared on told.feature = declared.feature
where told.feature is null or declared.feature is null
