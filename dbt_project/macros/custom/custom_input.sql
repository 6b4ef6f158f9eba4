{#-
    The staging query of a custom input: the owner's columns under our names and types. A column
    that is not mapped is left out.
-#}
{% macro custom_input(entity) -%}
    {%- set input = custom_entry(entity) -%}
    {%- set columns = input.columns or {} -%}
    {%- set constants = input.constants or {} -%}
    {#- A model or a source need not be there yet when this is compiled. -#}
    {%- set types = custom_columns(entity)
        if input.file or input.relation or input.kinds else {} -%}
    {%- set renamed = {} -%}
    {%- for name, type in input_columns(entity).items() -%}
        {%- if name == 'source_file' -%}
            {%- do renamed.update({name: 'foryou_source_file'}) -%}
        {%- elif name == 'source_row' -%}
            {%- do renamed.update({name: 'foryou_source_row'}) -%}
        {%- elif name == 'surplus_text' -%}
            {%- do renamed.update({name: custom_surplus(entity, types)}) -%}
        {%- elif name in ('value_text', 'occurred_at_text') and columns[name[:-5]] -%}
            {%- do renamed.update({name: custom_text(columns[name[:-5]], types)}) -%}
        {%- elif name in ('extra', 'attributes') and input[name] -%}
            {%- do renamed.update({name: custom_json(entity, input[name])}) -%}
        {%- elif name in columns -%}
            {%- do renamed.update({name: custom_value(columns[name], type, types)}) -%}
        {%- elif name in constants -%}
            {%- do renamed.update({name: 'cast(' ~ quoted(constants[name]) ~ ' as ' ~ type ~ ')'}) -%}
        {%- endif -%}
    {%- endfor -%}
with source as (

    select
        *,
        {{ custom_source_file(entity) }} as foryou_source_file,
        {{ custom_source_row(entity) }} as foryou_source_row
    from {{ custom_relation(entity) }}

),

{% if input.kinds -%}
renamed as (

    {% for kind, column in input.kinds.items() -%}
    select
        {% for key in columns -%}
        {{ custom_value(columns[key], input_columns(entity)[key], types) }} as {{ key }},
        {% endfor -%}
        {{ quoted(kind) }} as kind,
        trim(listed) as {{ custom_kinds_column(entity) }}
    from source
    cross join unnest({{ custom_list(entity, column, types) }}) as lists (listed)
    where trim(listed) <> ''
    {{ 'union all' if not loop.last }}
    {% endfor %}

)
{%- else -%}
renamed as (

    select
        {% for name, expression in renamed.items() -%}
        {{ expression }} as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from source

)
{%- endif %}

select * from renamed
{%- endmacro %}
