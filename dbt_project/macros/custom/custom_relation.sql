{#-
    Where the rows of a custom input come from, as it stands after `from`. What DuckDB would guess
    is said where a wrong guess loses or changes data: the quotes and comments of CSV, the types of
    JSON (ids like UUIDs and dates). A short line of events is refused by itself, so it is padded;
    padding and line breaks within quotes exclude each other, and product texts have line breaks.
-#}
{% macro custom_relation(entity) -%}
    {%- set input = custom_entry(entity) -%}
    {%- if input.relation or input.source -%}
        {%- do attach_databases() -%}
    {%- endif -%}
    {%- if input.ref -%}
        {{ ref(input.ref) }}
    {%- elif input.source -%}
        {{ source(input.source[0], input.source[1]) }}
    {%- elif input.relation -%}
        {{ input.relation }}
    {%- elif input.file -%}
        {%- set format = custom_file_format(input.file) -%}
        {%- set options = {
            'parquet': {'file_row_number': true},
            'csv': {
                'header': true, 'all_varchar': true, 'null_padding': entity == 'interactions',
                'quote': '"', 'escape': '"', 'comment': '',
            },
            'json': {'maximum_depth': 1},
        }[format] -%}
        {%- do options.update({'filename': true, 'union_by_name': true}) -%}
        {%- do options.update(input.options or {}) -%}
        read_{{ format }}({{ quoted(input.file) }}
        {%- for name, value in options.items() -%}
            , {{ name }} = {{ quoted(value) if value is string else value | lower }}
        {%- endfor -%}
        )
    {%- endif -%}
{%- endmacro %}
