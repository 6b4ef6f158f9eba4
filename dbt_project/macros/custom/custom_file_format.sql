{#- How a file is read, by its name; none when the name does not tell. -#}
{% macro custom_file_format(file) -%}
    {%- set name = file | lower | replace('.gz', '') | replace('.zst', '') -%}
    {%- for format, endings in {
        'parquet': ['.parquet'],
        'csv': ['.csv', '.tsv', '.txt'],
        'json': ['.json', '.jsonl', '.ndjson'],
    }.items() -%}
        {%- for ending in endings if name.endswith(ending) -%}
            {%- do return(format) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- do return(none) -%}
{%- endmacro %}
