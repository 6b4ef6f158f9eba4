-- One row per feature: the columns that the yml of the feature models declares as such, as rankers
-- are told them. Nothing else lists them.

with
{% set ns = namespace(any=false) %}
features as (

    {% for model, prefix in feature_models().items() -%}
    {%- for name, feature in feature_columns(model).items() %}
    {{ 'union all' if ns.any }}
    select
        {{ quoted(prefix ~ name) }} as feature,
        '{{ model }}' as feature_model,
        '{{ name }}' as column_name,
        '{{ feature.type }}' as type,
        {{ feature.monotone or 0 }} as monotone,
        {{ quoted(feature.description) }} as description
    {%- set ns.any = true %}
    {%- endfor %}
    {%- endfor %}
    {%- if not ns.any %}
    select
        '' as feature,
        '' as feature_model,
        '' as column_name,
        '' as type,
        0 as monotone,
        '' as description
    where false
    {%- endif %}

),

final as (

    select
        cast(feature as varchar) as feature,
        cast(feature_model as varchar) as feature_model,
        cast(column_name as varchar) as column_name,
        cast(type as varchar) as type,
        cast(monotone as integer) as monotone,
        cast(description as varchar) as description
    from features

)

select * from final
