{#-
    A ref that does not name the database. DuckDB keeps the names that a view was made with, so the
    views in a copy of the warehouse would look for the file that it was copied from.
-#}
{% macro ref() -%}
    {%- do return(builtins.ref(*varargs, **kwargs).include(database=false)) -%}
{%- endmacro %}
