{#- After the last table: how it went. What is published is a build of which nothing failed. -#}
{% macro end_run(results) -%}
    {%- if execute and not flags.EMPTY -%}
        {%- set failed = [] -%}
        {%- for result in results if result.status in ['error', 'fail', 'runtime error'] -%}
            {%- do failed.append(result.node.unique_id) -%}
        {%- endfor -%}
        update builds.runs
        set
            n_nodes = {{ results | length }},
            n_failed = {{ failed | length }},
            duration_seconds = {{ seconds_since_run_began() }}
        where run_id = '{{ invocation_id }}'
    {%- endif -%}
{%- endmacro %}
