{#-
    Attaches the databases of the var `attach`, read only. It stands before whatever looks at their
    tables: a run starts with it, and a custom input calls it for commands without a start.
    dbt_project/plugins/attach.py does it, so that no connection string is in any SQL.
-#}
{% macro attach_databases() -%}
    {%- if execute and var('attach') -%}
        {%- set problems = [] -%}
        {%- if run_query(
            "select 1 from duckdb_functions() where function_name = 'foryou_attach'"
        ).rows | length == 0 -%}
            {%- do problems.append('profiles.yml must list plugins: [{module: dbt_project.plugins.attach}]') -%}
        {%- else -%}
            {%- for name, database in var('attach').items() -%}
                {%- set arguments = [] -%}
                {%- for value in [name, database.type, database.path, database.path_env] -%}
                    {%- do arguments.append(quoted(value) if value else 'null') -%}
                {%- endfor -%}
                {%- set problem = run_query(
                    'select foryou_attach(' ~ arguments | join(', ') ~ ')'
                ).columns[0].values()[0] -%}
                {%- if problem -%}
                    {%- do problems.append(name ~ ': ' ~ problem) -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endif -%}
        {%- if problems -%}
            {%- do exceptions.raise_compiler_error(
                'Databases cannot be attached:\n  - ' ~ problems | join('\n  - ')
            ) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
