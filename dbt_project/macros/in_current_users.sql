{#-
    Whether a row belongs to the users that a `by_fold` model with `in_blocks_of_users` is at; true
    of all when there are none.
-#}
{% macro in_current_users() -%}
    {{ return(adapter.dispatch('in_current_users', 'foryou')()) }}
{%- endmacro %}

{% macro default__in_current_users() -%}
    coalesce(user_key % getvariable('n_blocks') = getvariable('current_block'), true)
{%- endmacro %}
