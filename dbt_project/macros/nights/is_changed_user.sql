{#- Whether something new is known of the user of a row; where the var `refit` is not `nightly`. -#}
{% macro is_changed_user() -%}
    user_key in (select changed.user_key from inputs.changed_users as changed)
{%- endmacro %}
