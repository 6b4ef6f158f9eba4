{#- The columns that a ranker is told, out of the models that have them. -#}
{% macro ranking_columns() -%}
    {%- set columns = [] -%}
    {%- for model, prefix in feature_models().items() -%}
        {%- for name in feature_columns(model) -%}
            {%- do columns.append(model ~ '.' ~ name ~ (' as ' ~ prefix ~ name if prefix else '')) -%}
        {%- endfor -%}
    {%- endfor -%}
    {#- While dbt parses none is known. -#}
    {{ columns | join(',\n') or 'null as feature' }}
{%- endmacro %}
