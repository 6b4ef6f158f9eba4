{#-
    What becomes of what was learned before: `fold_in`, it stays, and what is new is folded in;
    `warm_refit`, it is where learning starts from; `refit`, it is forgotten.
-#}
{% macro night() -%}
    {%- if is_fold_in() -%}
        {%- do return('fold_in') -%}
    {%- elif var('refit') == 'nightly' or flags.FULL_REFRESH or not execute
        or from_the_past('builds', 'user_digests') is none -%}
        {%- do return('refit') -%}
    {%- endif -%}
    {%- do return('warm_refit') -%}
{%- endmacro %}
