{#-
    A mapping var as a case expression: the value that stands under the column's key, else
    `otherwise`. `position` picks from values that are lists.
-#}
{% macro case_of(column, mapping, otherwise='null', position=none) -%}
    {%- if not mapping -%}
        {{ otherwise }}
    {%- else -%}
        case {{ column }}
        {%- for key, value in mapping.items() %}
            when {{ quoted(key) }} then {{ value if position is none else value[position] }}
        {%- endfor %}
            else {{ otherwise }}
        end
    {%- endif -%}
{%- endmacro %}
