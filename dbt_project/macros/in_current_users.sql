{#-
    Whether a row belongs to the users that a `by_fold` model with `in_blocks_of_users` is at; true
    of all when there are none. A range of keys, not a remainder: tables lie in the order of users,
    so DuckDB skips what is outside of the range. On a night that folds in, only those who changed.
-#}
{% macro in_current_users() -%}
    {{ return(adapter.dispatch('in_current_users', 'foryou')()) }}
{%- endmacro %}

{% macro default__in_current_users() -%}
    user_key >= coalesce(getvariable('first_user'), 0)
    and user_key <= coalesce(getvariable('last_user'), 2147483647)
    {%- if is_fold_in() %}
    and (
        not coalesce(getvariable('only_changed'), false)
        or {{ is_changed_user() }}
    )
    {%- endif -%}
{%- endmacro %}
