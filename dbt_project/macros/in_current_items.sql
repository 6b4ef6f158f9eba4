{#-
    Whether a row belongs to the items that a `by_fold` model with `in_blocks_of_items` is at; true of
    all when there are none.
-#}
{% macro in_current_items(column) -%}
    {{ column }} >= coalesce(getvariable('first_item'), 0)
    and {{ column }} <= coalesce(getvariable('last_item'), 2147483647)
{%- endmacro %}
