{#-
    When the newest events of one's own were loaded, for `dbt source freshness`: when a file last
    changed, the newest load time of a table, or the newest event where it has none.
-#}
{% macro custom_loaded_at_query() -%}
    {%- set columns = custom_entry('interactions').columns or {} -%}
    {%- set column = columns.loaded_at or columns.occurred_at -%}
    {%- if custom_entry('interactions').file -%}
        select max(changed_at) from ({{ custom_files('interactions') }})
    {%- elif column -%}
        select max({{ any_to_timestamp(adapter.quote(column)) }}) from {{ custom_relation('interactions') }}
    {%- else -%}
        {%- do exceptions.raise_compiler_error(
            'custom.interactions has neither loaded_at nor occurred_at; how fresh it is cannot be told'
        ) -%}
    {%- endif -%}
{%- endmacro %}
