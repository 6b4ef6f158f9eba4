{#-
    The value of a var in this build: where by_events has a cheaper one for so many events, that, if
    the var itself was left at its default. `build_choices` has decided it.
-#}
{% macro sized(name) -%}
    {%- if name in var('by_events') -%}
        {%- set choices = from_the_past('inputs', 'build_choices') -%}
        {%- if choices is not none and var(name) == (var('by_events')[name] | dictsort)[0][1] -%}
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
