{#- Whether a var can be read as a date or a time. -#}
{% macro is_timestamp(value) -%}
    {%- set text = value | string -%}
    {%- set shape = '^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([ T]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?)?$' -%}
    {%- do return(modules.re.match(shape, text) is not none) -%}
{%- endmacro %}
