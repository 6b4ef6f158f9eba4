{#- Before the lists are made anew, those of `live` are put aside, to tell how much changes. -#}
{% macro keep_earlier_lists() -%}
    {%- set lists = from_the_past('recommendations', 'recommendations') -%}
    {%- if lists is not none -%}
        create or replace table {{ lists.schema }}.earlier_recommendations as
        select
            user_id,
            item_id,
            rank
        from {{ lists }}
        where fold = 'live'
    {%- endif -%}
{%- endmacro %}
