{#-
    The JSON object that a line of text holds; null where the line holds none. With
    `or_python_literal`, a line that is the literal of a Python dictionary is read as one too.
-#}
{% macro json_object_in(line, or_python_literal=false) -%}
    {{ return(adapter.dispatch('json_object_in', 'foryou')(line, or_python_literal)) }}
{%- endmacro %}

{% macro default__json_object_in(line, or_python_literal) -%}
    case
        when json_type(try_cast({{ line }} as json)) = 'OBJECT' then cast({{ line }} as json)
        {%- if or_python_literal %}
        when starts_with(ltrim({{ line }}), '{')
            then try_cast({{ python_literal_to_json(line) }} as json)
        {%- endif %}
    end
{%- endmacro %}
