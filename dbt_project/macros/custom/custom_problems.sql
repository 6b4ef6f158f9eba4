{#- What is wrong with the tables that the var `custom` names, before the first of them is read. -#}
{% macro custom_problems() -%}
    {%- set problems = [] -%}
    {%- for entity, input in var('custom').items() if not (input.ref or input.source) -%}
        {%- set is_there = file_exists(input.file) if input.file else true -%}
        {%- if not is_there -%}
            {%- do problems.append(
                'custom.' ~ entity ~ ': there is no file ' ~ input.file ~ '; paths start at '
                ~ 'the folder that dbt is started from'
            ) -%}
        {%- endif -%}
        {%- set file_problems = custom_file_problems(entity) if input.file and is_there else [] -%}
        {%- do problems.extend(file_problems) -%}
        {%- if is_there and not file_problems -%}
            {%- if input.file -%}
                {#- Should DuckDB fail to read it, this is where. -#}
                {%- do log('custom.' ~ entity ~ ': reading ' ~ input.file, info=true) -%}
            {%- endif -%}
            {%- set found = custom_columns(entity) -%}
            {%- set theirs = found | reject('in', ['filename', 'file_row_number']) | list -%}
            {%- set wanted = (input.columns or {}).values() | list
                + (input.kinds or {}).values() | list
                + (input.attributes or []) + (input.extra or []) -%}
            {%- set missing = [] -%}
            {%- for column in wanted if column not in found and not column.endswith('*') -%}
                {%- do missing.append(column) -%}
            {%- endfor -%}
            {%- if missing -%}
                {%- do problems.append(
                    'custom.' ~ entity ~ ' (' ~ (input.file or input.relation) ~ ') has no column '
                    ~ missing | join(', ') ~ '; it has ' ~ theirs | join(', ')
                    ~ (
                        '. Is it one column only, because of its separator (options: {delim: …}), '
                        ~ 'a quote without its partner or a line with too few or too many fields?'
                        if input.file and custom_file_format(input.file) == 'csv'
                        and theirs | length == 1 else ''
                    )
                ) -%}
            {%- endif -%}
            {%- set nested = custom_nested(entity, found) if not missing else [] -%}
            {%- if nested -%}
                {%- do problems.append(
                    'custom.' ~ entity ~ ' (' ~ (input.file or input.relation) ~ '): '
                    ~ nested | join(', ')
                    ~ ' holds lists or objects where one value a row is needed; unnest it first'
                ) -%}
            {%- elif not missing and entity == 'interactions' and run_query(
                'select 1 from ' ~ custom_relation(entity) ~ ' limit 1'
            ).rows | length == 0 -%}
                {%- do problems.append(
                    (input.file or input.relation) ~ ' holds no rows; there is nothing to learn from'
                ) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do return(problems) -%}
{%- endmacro %}
