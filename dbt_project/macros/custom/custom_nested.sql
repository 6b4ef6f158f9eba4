{#- The owner's columns that hold lists or objects although one value is asked of them. -#}
{% macro custom_nested(entity, found) -%}
    {%- set nested = [] -%}
    {%- set json = [] -%}
    {%- for name, column in (custom_entry(entity).columns or {}).items()
        if not input_columns(entity)[name].endswith('[]') -%}
        {%- if modules.re.search('^(STRUCT|MAP)|\\]$', found[column]) -%}
            {%- do nested.append(column) -%}
        {%- elif found[column] == 'JSON' -%}
            {%- do json.append(column) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if json -%}
        {%- set counts -%}
            select
            {%- for column in json %}
                count(*) filter (where json_type({{ adapter.quote(column) }}) in ('ARRAY', 'OBJECT'))
                {{- ',' if not loop.last }}
            {%- endfor %}
            from {{ custom_relation(entity) }}
        {%- endset -%}
        {%- set n_rows = run_query(counts).rows[0].values() -%}
        {%- for column in json -%}
            {%- if n_rows[loop.index0] > 0 -%}
                {%- do nested.append(column) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return(nested) -%}
{%- endmacro %}
