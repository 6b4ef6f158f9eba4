{#-
    A sum that does not depend on the order of its rows. Threads add floating point numbers in
    whatever order they finish, and the last bits differ from run to run; two items that tie would
    then swap places. Decimals add exactly. `scale` digits are kept after the point, `digits` in
    all: 18 fit a machine word, more are slower.
-#}
{% macro exact_sum(expression, scale=9, digits=18) -%}
    cast(sum(cast({{ expression }} as decimal({{ digits }}, {{ scale }}))) as double)
{%- endmacro %}
