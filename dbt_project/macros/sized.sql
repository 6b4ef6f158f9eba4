{#-
    The value of a var in this build: where by_events has a cheaper one for so many events, that, if
    the var itself was left at its default. `build_choices` has decided it.
-#}
{% macro sized(name) -%}
    {#- What is no mapping check_vars refuses, wherever it is read first. -#}
    {%- if var('by_events') is mapping and name in var('by_events') -%}
        {%- set choices = from_the_past('inputs', 'build_choices') -%}
        {%- if choices is not none and var(name) == var('by_events')[name][0] -%}
            {%- set chosen = run_query(
                'select value from ' ~ choices ~ ' where name = ' ~ quoted(name)
            ).rows -%}
            {%- if chosen | length > 0 -%}
                {%- do return(fromjson(chosen[0][0])) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endif -%}
    {%- do return(var(name)) -%}
{%- endmacro %}
