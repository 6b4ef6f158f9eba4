{#-
    The staging query of a custom input: the owner's columns under our names and types. A column
    that is not mapped is null.
-#}
{% macro custom_input(entity) -%}
    {%- set input = custom_entry(entity) -%}
    {%- set columns = input.columns or {} -%}
    {%- set constants = input.constants or {} -%}
    {#- A model or a source need not be there yet when this is compiled. -#}
    {%- set types = custom_columns(entity)
        if input.file or input.relation or input.kinds else {} -%}
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
        trim(attribute) as attribute
        {%- if entity == 'item_attributes' and 'weight' not in columns %},
        cast(null as double) as weight
        {%- endif %}
    from source
    cross join unnest({{ custom_list(entity, column, types) }}) as attributes (attribute)
    where trim(attribute) <> ''
    {{ 'union all' if not loop.last }}
    {% endfor %}

)
{%- else -%}
renamed as (

    select
        {% for name, type in input_columns(entity).items() -%}
        {% if name == 'source_file' -%}
        foryou_source_file
        {%- elif name == 'source_row' -%}
        foryou_source_row
        {%- elif name in ('extra', 'attributes') -%}
        {{ custom_json(entity, input[name] or []) }}
        {%- elif name == 'value_text' -%}
        {{ custom_text(columns.value, types) if columns.value else 'cast(null as varchar)' }}
        {%- elif name == 'occurred_at_text' -%}
        {{ custom_text(columns.occurred_at, types) if columns.occurred_at
            else 'cast(null as varchar)' }}
        {%- elif name == 'surplus_text' -%}
        {{ custom_surplus(entity, types) }}
        {%- elif name in columns -%}
        {{ custom_value(columns[name], type, types) }}
        {%- elif name in constants -%}
        cast({{ quoted(constants[name]) }} as {{ type }})
        {%- else -%}
        cast({{ 'true' if name == 'is_available' else 'null' }} as {{ type }})
        {%- endif %} as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from source

)
{%- endif %}

select * from renamed
{%- endmacro %}
