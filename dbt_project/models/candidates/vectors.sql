{{ config(materialized='view', enabled=vector_sources() | length > 0) }}

-- One row per fold, source, entity and key: the vectors of every source that compares vectors, as
-- lists, since each source has its own length.

with
{% for source in vector_sources() %}
{{ source }}_vectors as (

    select * from {{ ref(source ~ '_vectors') }}

),
{% endfor %}

final as (

    {% for source in vector_sources() %}
    select
        fold,
        '{{ source }}' as source,
        entity,
        key,
        cast(vector as float[]) as vector
    from {{ source }}_vectors
    {{ 'union all' if not loop.last }}
    {%- endfor %}

)

select * from final
