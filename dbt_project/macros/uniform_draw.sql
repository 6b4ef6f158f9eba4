{#- A number from 0 to 1 that depends on the texts alone: the same in every build and version. -#}
{% macro uniform_draw() -%}
    {{ return(adapter.dispatch('uniform_draw', 'foryou')(varargs)) }}
{%- endmacro %}

{% macro default__uniform_draw(texts) -%}
    md5_number_lower(concat_ws(chr(31), {{ texts | join(', ') }})) / 18446744073709551616.0
{%- endmacro %}
