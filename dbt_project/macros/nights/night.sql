{#-
    What becomes of what was learned before: `fold_in`, it stays, and what is new is folded in;
    `warm_refit`, it is where learning starts from; `refit`, it is forgotten, also where it was
    learned by other models or vars.
-#}
{% macro night() -%}
    {%- if is_fold_in() -%}
        {%- do return('fold_in') -%}
    {%- elif var('refit') == 'nightly' or flags.FULL_REFRESH or not execute
        or from_the_past('builds', 'user_digests') is none -%}
        {%- do return('refit') -%}
    {%- endif -%}
    {%- set before = run_query(
        'select fingerprint from ' ~ from_the_past('builds', 'runs') ~ ' where is_refit'
        ~ ' and run_id <> ' ~ quoted(invocation_id) ~ ' order by ran_at desc limit 1'
    ).rows -%}
    {%- do return(
        'warm_refit' if before and before[0][0] == fingerprint_of_run() else 'refit'
    ) -%}
{%- endmacro %}
