{#-
    The texts in a JSON value, but for blank ones: a text itself, or those in a list or in a list of
    lists.
-#}
{% macro json_texts(value) -%}
    {{ return(adapter.dispatch('json_texts', 'foryou')(value)) }}
{%- endmacro %}

{% macro default__json_texts(value) -%}
    list_filter(
        case
            when json_type({{ value }}) = 'VARCHAR' then [{{ value }} ->> '$']
            when json_type({{ value }} -> '$[0]') = 'ARRAY' then {{ value }} ->> '$[*][*]'
            when json_type({{ value }}) = 'ARRAY' then {{ value }} ->> '$[*]'
        end,
        lambda text: trim(text) <> ''
    )
{%- endmacro %}
