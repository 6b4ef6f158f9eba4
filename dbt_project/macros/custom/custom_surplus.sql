{#-
    What stands on a line of a CSV file after its last named field, as text. DuckDB calls a field
    without a name column0, column1, …; column0 is no surplus, it may be a data frame's index.
-#}
{% macro custom_surplus(entity, types) -%}
    {%- set input = custom_entry(entity) -%}
    {%- set used = (input.columns or {}).values() | list + (input.attributes or []) -%}
    {%- set unnamed = [] -%}
    {%- if input.file and custom_file_format(input.file) == 'csv' -%}
        {%- for column in types
            if modules.re.match('^column[1-9][0-9]*$', column) and column not in used -%}
            {%- do unnamed.append(adapter.quote(column)) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if unnamed -%}
        nullif(concat_ws(',', {{ unnamed | join(', ') }}), '')
    {%- else -%}
        cast(null as varchar)
    {%- endif -%}
{%- endmacro %}
