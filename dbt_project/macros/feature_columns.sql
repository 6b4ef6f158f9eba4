{#-
    The columns of a model that its yml declares as features (`config: meta: feature: …`), each with
    what stands there: the one list, which the rankers, the feature store and the docs go by.
    Empty while dbt parses, and in unit tests, which do not see the project.
-#}
{% macro feature_columns(model) -%}
    {%- set features = {} -%}
    {%- if execute and graph.nodes is defined -%}
        {%- for name, column in graph.nodes['model.foryou.' ~ model].columns.items() -%}
            {%- if column.config.meta.feature is defined -%}
                {%- do features.update({
                    name: dict(column.config.meta.feature, description=column.description)
                }) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return(features) -%}
{%- endmacro %}
