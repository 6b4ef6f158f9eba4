{{ config(enabled=var('refit') != 'nightly') }}

-- One row per user: a digest of all that is known of the user, to tell who is to be served anew. Where
-- a build ends well, it is put aside in builds.user_digests.

with interactions as (

    select * from {{ ref('interactions') }}

),

survey_answers as (

    select * from {{ ref('survey_answers') }}

),

user_attributes as (

    select * from {{ ref('user_attributes') }}

),

facts as (

    select
        user_key,
        hash(item_key, event_type, value, occurred_at, weight) as fact
    from interactions
    union all
    select
        user_key,
        hash('answer', kind, answer, is_liked, weight, answered_at) as fact
    from survey_answers
    union all
    select
        user_key,
        hash('attribute', kind, attribute) as fact
    from user_attributes

),

final as (

    select
        user_key,
        count(*) as n_facts,
        -- Neither the order of rows nor an even number of equal ones hides a change.
        bit_xor(fact) as xor_of_facts,
        sum(fact) as sum_of_facts
    from facts
    group by user_key

)

select * from final
