{#-
    The number of a row in the file it was read from, from 1. DuckDB numbers without an order by
    in the order of the file (its streaming window reads on one thread); tests hold it to that.
-#}
{% macro source_row() -%}
    {{ return(adapter.dispatch('source_row', 'foryou')()) }}
{%- endmacro %}

{% macro default__source_row() -%}
    row_number() over ()
{%- endmacro %}
