{#-
    The folds that are cut by time or leave-one-out, the newest first, without the prefix of their
    split: holdout, tune, and as many before them as the var earlier_folds says.
-#}
{% macro evaluated_folds() -%}
    {%- set folds = ['holdout', 'tune'] -%}
    {%- for n in range(1, var('earlier_folds') + 1) -%}
        {%- do folds.append('earlier_' ~ n) -%}
    {%- endfor -%}
    {%- do return(folds) -%}
{%- endmacro %}
