{#- Whether there is a file at a path, which may hold wildcards. Only where dbt can ask: `execute`. -#}
{% macro file_exists(path) -%}
    {%- set files = run_query("select count(*) from glob(" ~ quoted(path) ~ ")").columns[0].values()[0] -%}
    {%- do return(files > 0) -%}
{%- endmacro %}
