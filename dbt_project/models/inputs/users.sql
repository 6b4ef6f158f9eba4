-- One row per user: the id map, and the only place where user keys are made. Keys follow the
-- id: ties go to the lower key, and one that followed time would tell what comes after a cutoff.

with accepted as (

    select * from {{ ref('accepted_interactions') }}

),

staged as (

    select * from {{ staged('users') }}

),

answers as (

    select * from {{ staged('survey_answers') }}

),

shown as (

    select * from {{ staged('impressions') }}

),

assigned as (

    select * from {{ staged('experiment_assignments') }}

),

-- Whoever has done or said something, was shown something, or is part of an experiment: who left is
-- as much a result as who stayed.
with_data as (

    select user_id
    from accepted
    union
    select user_id
    from answers
    where user_id is not null
    union
    select user_id
    from shown
    where user_id is not null
    union
    select user_id
    from assigned
    where user_id is not null

),

listed as (

    select
        user_id,
        min(signed_up_at) as signed_up_at
    from staged
    where user_id is not null
    group by user_id

),

all_ids as (

    select user_id from with_data
    union
    select user_id from listed

),

keys as (

    {{ kept_keys('all_ids', 'user_id', 'user_key') }}

),

final as (

    select
        keys.user_key,
        keys.user_id,
        listed.signed_up_at,
        listed.user_id is not null as is_listed
    from keys
    left join listed on keys.user_id = listed.user_id

)

select * from final
