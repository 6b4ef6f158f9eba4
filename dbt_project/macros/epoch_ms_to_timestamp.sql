{#- Milliseconds since 1970, as text or number, as a UTC timestamp; null where they are neither. -#}
{% macro epoch_ms_to_timestamp(milliseconds) -%}
    {{ return(adapter.dispatch('epoch_ms_to_timestamp', 'foryou')(milliseconds)) }}
{%- endmacro %}

{% macro default__epoch_ms_to_timestamp(milliseconds) -%}
    try(make_timestamp(try_cast({{ milliseconds }} as bigint) * 1000))
{%- endmacro %}
