{#- What the names of the folds of one kind of split begin with. -#}
{% macro fold_prefix(split) -%}
    {%- do return({'time': '', 'leave_one_out': 'loo_'}.get(split, split ~ '_')) -%}
{%- endmacro %}
