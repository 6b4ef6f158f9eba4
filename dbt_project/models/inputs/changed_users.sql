{{ config(enabled=var('refit') != 'nightly') }}

{%- set earlier = from_the_past('builds', 'user_digests') %}

-- One row per user of whom something new is known since the last build that ended well. On a night
-- that folds in, these are served anew, and the others keep their lists.

with user_digests as (

    select * from {{ ref('user_digests') }}

),

final as (

    select user_digests.user_key
    from user_digests
    {% if earlier is not none -%}
    anti join {{ earlier }} as earlier
        on
            user_digests.user_key = earlier.user_key
            and user_digests.n_facts = earlier.n_facts
            and user_digests.xor_of_facts = earlier.xor_of_facts
            and user_digests.sum_of_facts = earlier.sum_of_facts
    {%- endif %}

)

select * from final
