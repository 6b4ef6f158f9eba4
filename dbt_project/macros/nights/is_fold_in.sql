{#-
    Whether this build folds new events in and leaves what was learned as it is (the var `refit`).
    `begin_run` has decided it.
-#}
{% macro is_fold_in() -%}
    {%- if not execute or flags.EMPTY or var('refit') == 'nightly' -%}
        {%- do return(false) -%}
    {%- endif -%}
    {%- set runs = from_the_past('builds', 'runs') -%}
    {%- if runs is none -%}
        {%- do return(false) -%}
    {%- endif -%}
    {%- set found = run_query(
        'select is_refit from ' ~ runs ~ ' where run_id = ' ~ quoted(invocation_id)
    ).rows -%}
    {%- do return(found | length > 0 and found[0][0] is not none and not found[0][0]) -%}
{%- endmacro %}
