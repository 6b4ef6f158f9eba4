{#- Whether the chosen data set says what people answered when asked what they like. -#}
{% macro has_surveys() -%}
    {%- set folder = var('datasets').get(var('dataset')) -%}
    {%- do return('survey_answers' in staging_inputs().get(folder, [])) -%}
{%- endmacro %}
