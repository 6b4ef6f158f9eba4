{#- The texts in a JSON value: a text itself, or those in a list or in a list of lists. -#}
{% macro json_texts(value) -%}
    {{ return(adapter.dispatch('json_texts', 'foryou')(value)) }}
{%- endmacro %}

{% macro default__json_texts(value) -%}
    case json_type({{ value }})
        when 'VARCHAR' then [{{ value }} ->> '$']
        when 'ARRAY' then coalesce(
            flatten(try_cast({{ value }} as varchar[][])), try_cast({{ value }} as varchar[])
        )
    end
{%- endmacro %}
