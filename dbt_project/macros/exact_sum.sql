{#-
    A sum that does not depend on the order of its rows. Threads add floating point numbers in
    whatever order they finish, and the last bits differ from run to run; two items that tie would
    then swap places. Decimals add exactly. `scale` is the number of digits kept after the point.
-#}
{% macro exact_sum(expression, scale=9) -%}
    cast(sum(cast({{ expression }} as decimal(18, {{ scale }}))) as double)
{%- endmacro %}
