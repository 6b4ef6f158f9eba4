{#- Seconds since 1970, as text or number, as a UTC timestamp; null where they are neither. -#}
{% macro epoch_to_timestamp(seconds) -%}
    {{ return(adapter.dispatch('epoch_to_timestamp', 'foryou')(seconds)) }}
{%- endmacro %}

{% macro default__epoch_to_timestamp(seconds) -%}
    try(make_timestamp(try_cast({{ seconds }} as bigint) * 1000000))
{%- endmacro %}
