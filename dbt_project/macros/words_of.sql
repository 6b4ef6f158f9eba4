{#- The words of a text, in lower case: runs of letters, marks and digits of any script. -#}
{% macro words_of(text) -%}
    {{ return(adapter.dispatch('words_of', 'foryou')(text)) }}
{%- endmacro %}

{% macro default__words_of(text) -%}
    regexp_extract_all(lower({{ text }}), '[\p{L}\p{M}\p{N}]+')
{%- endmacro %}
