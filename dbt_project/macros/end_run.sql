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
        where run_id = '{{ invocation_id }}';
        {%- if not failed %}
        update builds.finished_models set is_open = false where run_id = '{{ invocation_id }}';
        {%- endif %}
        {%- set timed = results
            | selectattr('node.resource_type', 'in', ['model', 'seed']) | list -%}
        {%- if timed %}
        insert into builds.run_results values
        {%- for result in timed %}
        (
            '{{ invocation_id }}',
            {{ quoted(result.node.unique_id) }},
            {{ quoted(result.node.resource_type) }},
            {{ quoted(result.node.schema) }},
            {{ quoted(result.node.name) }},
            {{ quoted(result.status) }},
            {{ result.execution_time }}
        ){{ ',' if not loop.last }}
        {%- endfor %}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
