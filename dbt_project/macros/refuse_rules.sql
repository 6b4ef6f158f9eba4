{#- Stops the build at rules that contradict themselves, and warns of those without effect: by name. -#}
{% macro refuse_rules(rule_problems) -%}
    {%- if execute and not flags.EMPTY -%}
        {%- set refused = [] -%}
        {%- set warned = [] -%}
        {%- for said_in, name, problem, is_refused in run_query(
            'select said_in, name, problem, is_refused from ' ~ rule_problems
            ~ ' order by said_in, name, problem'
        ).rows -%}
            {%- do (refused if is_refused else warned).append(
                said_in ~ ', ' ~ (name or '(no name)') ~ ': ' ~ problem
            ) -%}
        {%- endfor -%}
        {%- if warned -%}
            {%- do exceptions.warn('Rules without effect:\n  - ' ~ warned | join('\n  - ')) -%}
        {%- endif -%}
        {%- if refused -%}
            {%- do exceptions.raise_compiler_error(
                'These rules cannot be built with:\n  - ' ~ refused | join('\n  - ')
            ) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
