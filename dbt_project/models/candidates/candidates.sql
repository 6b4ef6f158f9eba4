{{ config(materialized='view') }}

-- One row per fold, source, user and proposed item.

with
{% for source in active_sources() if source not in vector_sources() %}
{{ source }}_candidates as (

    select * from {{ ref(source ~ '_candidates') }}

),
{% endfor %}

{% if vector_sources() %}
vector_candidates as (

    select * from {{ ref('vector_candidates') }}

),
{% endif %}

final as (

    {% for source in active_sources() if source not in vector_sources() %}
    select
        fold,
        source,
        user_key,
        item_key,
        score,
        rank
    from {{ source }}_candidates
    {{ 'union all' if not loop.last or vector_sources() }}
    {%- endfor %}
    {%- if vector_sources() %}
    select
        fold,
        source,
        user_key,
        item_key,
        score,
        rank
    from vector_candidates
    {%- endif %}

)

select * from final
