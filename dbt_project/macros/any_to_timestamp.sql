{#-
    A time in whatever form, as a UTC timestamp: a date or a timestamp, ISO 8601 text (with an
    offset, or else taken for UTC), or a number since 1970 in seconds, milliseconds, microseconds or
    nanoseconds, told apart by its size (any time after 1973 in milliseconds is past the year 5000
    in seconds). Null where it is none of these.
-#}
{% macro any_to_timestamp(column) -%}
    {{ return(adapter.dispatch('any_to_timestamp', 'foryou')(column)) }}
{%- endmacro %}

{% macro default__any_to_timestamp(column) -%}
    {%- set text = 'cast(' ~ column ~ ' as varchar)' -%}
    {%- set number = 'try_cast(' ~ text ~ ' as double)' -%}
        case
            when abs({{ number }}) < 1e11 then try(make_timestamp(cast({{ number }} * 1e6 as bigint)))
            when abs({{ number }}) < 1e14 then try(make_timestamp(cast({{ number }} * 1e3 as bigint)))
            when abs({{ number }}) < 1e17 then try(make_timestamp(cast({{ number }} as bigint)))
            when {{ number }} is not null then try(make_timestamp(cast({{ number }} / 1e3 as bigint)))
            when regexp_matches({{ text }}, ':\d{2}(\.\d+)?\s*([Zz]|[+-]\d{2}(:?\d{2})?)$')
                then timezone('UTC', try_cast({{ text }} as timestamptz))
            else try_cast({{ text }} as timestamp)
        end
{%- endmacro %}
