{{ config(materialized='view') }}

-- One row per fold, source, user and proposed item.

with
{% for source in active_sources() %}
{{ source }}_candidates as (

    select * from {{ ref(source ~ '_candidates') }}

),
{% endfor %}

final as (

    {% for source in active_sources() %}
    select
        fold,
        source,
        user_key,
        item_key,
        score,
        rank
    from {{ source }}_candidates
    {{ 'union all' if not loop.last }}
    {%- endfor %}

)

select * from final
