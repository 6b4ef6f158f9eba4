{#- A column lies between two bounds: fails with the rows outside. Null passes; say not_null too. -#}
{% test accepted_range(model, column_name, min_value=none, max_value=none, inclusive=true) %}

{%- if min_value is none and max_value is none -%}
    {{ exceptions.raise_compiler_error(
        'accepted_range on ' ~ model ~ '.' ~ column_name ~ ' needs min_value or max_value'
    ) }}
{%- endif %}

select *
from {{ model }}
where
    false
    {%- if min_value is not none %}
    or not {{ column_name }} >{{ '=' if inclusive }} {{ min_value }}
    {%- endif %}
    {%- if max_value is not none %}
    or not {{ column_name }} <{{ '=' if inclusive }} {{ max_value }}
    {%- endif %}

{% endtest %}
