{{ config(materialized='view') }}

-- One row per fold and user whom this build serves anew: everybody, or, where it folds in, those of
-- the fold live of whom something new is known.

with fold_users as (

    select * from {{ ref('fold_users') }}

),

{% if var('refit') != 'nightly' -%}
changed_users as (

    select * from {{ ref('changed_users') }}

),

{% endif -%}
final as (

    select
        fold,
        user_key
    from fold_users
    {% if is_fold_in() -%}
    semi join changed_users on fold_users.user_key = changed_users.user_key
    where fold = 'live'
    {%- endif %}

)

select * from final
