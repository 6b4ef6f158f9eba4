{#- Whether the chosen data set is read by this folder of models/staging. -#}
{% macro is_staged_by(folder) -%}
    {%- do return(var('datasets').get(var('dataset')) == folder) -%}
{%- endmacro %}
