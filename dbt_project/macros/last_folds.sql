{#- The folds that nothing is tested after: the holdout of each split, and live. -#}
{% macro last_folds() -%}
    {%- set folds = ['live'] -%}
    {%- for split in active_splits() -%}
        {%- do folds.append(fold_prefix(split) ~ 'holdout') -%}
    {%- endfor -%}
    {%- do return(folds) -%}
{%- endmacro %}
