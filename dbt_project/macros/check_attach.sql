{#- What is wrong with the var `attach` itself; whether the databases are there is seen later. -#}
{% macro check_attach() -%}
    {%- set types = ['duckdb', 'sqlite', 'postgres'] -%}
    {%- set problems = [] -%}
    {%- if var('attach') is not mapping -%}
        {%- do return(['attach: must be a mapping, is ' ~ var('attach')]) -%}
    {%- endif -%}
    {%- for name, database in var('attach').items() -%}
        {%- if not modules.re.match('^[A-Za-z_]\\w*$', name | string) -%}
            {%- do problems.append('attach: "' ~ name ~ '" must be a plain word, it is used in SQL') -%}
        {%- elif name | lower in ['main', 'system', 'temp', target.database | lower] -%}
            {%- do problems.append('attach: ' ~ name ~ ' is taken; choose another name') -%}
        {%- endif -%}
        {%- if database is not mapping -%}
            {%- do problems.append(
                'attach: ' ~ name ~ ' must be like {type: postgres, path_env: NAME_OF_A_VARIABLE}'
            ) -%}
        {%- else -%}
            {%- for key in database if key not in ['type', 'path', 'path_env'] -%}
                {%- do problems.append(
                    'attach: ' ~ name ~ ': there is no ' ~ key ~ '; choose from type, path, path_env'
                ) -%}
            {%- endfor -%}
            {%- if database.type not in types -%}
                {%- do problems.append(
                    'attach: ' ~ name ~ ': type is "' ~ database.type ~ '"; choose one of '
                    ~ types | join(', ')
                ) -%}
            {%- endif -%}
            {%- if database.type == 'postgres' and database.path -%}
                {#- What stands there is not repeated: it may hold a password. -#}
                {%- do problems.append(
                    'attach: ' ~ name ~ ': a connection string belongs into the environment; name '
                    ~ 'its variable as path_env'
                ) -%}
            {%- elif [database.path, database.path_env] | select('string') | select | list | length != 1 -%}
                {%- do problems.append('attach: ' ~ name ~ ': needs one of path and path_env') -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do return(problems) -%}
{%- endmacro %}
