{#- What is wrong with the tables that the var `custom` names, before the first of them is read. -#}
{% macro custom_problems() -%}
    {%- set problems = [] -%}
    {%- for entity, input in var('custom').items() if not (input.ref or input.source) -%}
        {%- set n_files = run_query(
            'select count(*) from glob(' ~ quoted(input.file) ~ ')'
        ).columns[0].values()[0] if input.file else 1 -%}
        {%- if n_files == 0 -%}
            {%- do problems.append(
                'custom.' ~ entity ~ ': there is no file ' ~ input.file ~ '; paths start at '
                ~ 'the folder that dbt is started from'
            ) -%}
        {%- else -%}
            {%- set found = custom_columns(entity) -%}
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
                    ~ missing | join(', ') ~ '; it has ' ~ found | join(', ')
                ) -%}
            {%- elif entity == 'interactions' and run_query(
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
