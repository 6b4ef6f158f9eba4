{#-
    A source whose file a data set may lack (`is_optional: true` in its meta): the source itself
    where the file is there, else no rows with the columns that its yml declares, as text. Which of
    the two is only known when the model runs, as the file may come between parsing and running.
-#}
{% macro optional_source(source_name, table_name) -%}
    {%- set relation = source(source_name, table_name) -%}
    {%- if not execute -%}
        {%- do return(relation) -%}
    {%- endif -%}
    {%- set declared = graph.sources.values()
        | selectattr('source_name', 'equalto', source_name)
        | selectattr('name', 'equalto', table_name) | first -%}
    {%- if not declared.config.meta.get('is_optional') -%}
        {%- do exceptions.raise_compiler_error(
            'optional_source: ' ~ source_name ~ '.' ~ table_name
            ~ ' is not optional; say so in its meta, or read it with source()'
        ) -%}
    {%- endif -%}
    {%- if file_exists(declared.config.meta.path) -%}
        {%- do return(relation) -%}
    {%- endif -%}
    (
        select
        {%- for column in declared.columns %}
            cast(null as varchar) as "{{ column }}"{{ ',' if not loop.last }}
        {%- endfor %}
        where false
    ) as nothing
{%- endmacro %}
