{#- The kinds of item_attributes that vars of the re-rank name, as (var, kind). -#}
{% macro rerank_kinds() -%}
    {%- set kinds = [] -%}
    {%- if var('dedupe_attribute') is not none -%}
        {%- do kinds.append(('dedupe_attribute', var('dedupe_attribute'))) -%}
    {%- endif -%}
    {%- for kind in var('max_per_attribute') -%}
        {%- do kinds.append(('max_per_attribute', kind)) -%}
    {%- endfor -%}
    {%- do return(kinds) -%}
{%- endmacro %}
