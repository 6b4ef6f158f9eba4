{#-
    The number of a row of a custom input, from 1; null for events, which numbered_interactions
    counts, unless the file counts them itself. The rows of a table have no order of their own:
    there it is the row's place in the order of all mapped columns, the same in every build.
-#}
{% macro custom_source_row(entity) -%}
    {%- set input = custom_entry(entity) -%}
    {%- if input.file and custom_file_format(input.file) == 'parquet' -%}
        file_row_number + 1
    {%- elif entity == 'interactions' -%}
        cast(null as bigint)
    {%- elif input.file -%}
        {{ source_row() }}
    {%- elif entity == 'items' -%}
        {%- set columns = [] -%}
        {%- for column in (input.columns or {}).values() -%}
            {%- do columns.append(adapter.quote(column)) -%}
        {%- endfor -%}
        row_number() over (order by {{ columns | join(', ') }})
    {%- else -%}
        cast(null as bigint)
    {%- endif -%}
{%- endmacro %}
