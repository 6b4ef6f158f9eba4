{#-
    After the last table: how it went, and what it took. What is published is a build of which
    nothing failed.

    Memory and spill are null where the profile does not list dbt_project/plugins/peaks.py.
-#}
{% macro end_run(results) -%}
    {%- if execute and not flags.EMPTY -%}
        {%- set failed = [] -%}
        {%- for result in results if result.status in ['error', 'fail', 'runtime error'] -%}
            {%- do failed.append(result.node.unique_id) -%}
        {%- endfor -%}
        {%- set peaks = run_query(
            "select 1 from duckdb_functions() where function_name = 'foryou_peak'"
        ).rows | length > 0 -%}
        {#- Small tables are still in the log of what is to be written, and take no block yet. -#}
        {%- do run_query('checkpoint') -%}
        update builds.runs
        set
            {%- if peaks %}
            peak_memory_bytes = foryou_peak('memory', epoch(ran_at), epoch(now())),
            peak_spill_bytes = foryou_peak('spill', epoch(ran_at), epoch(now())),
            {%- endif %}
            n_nodes = {{ results | length }},
            n_failed = {{ failed | length }},
            duration_seconds = {{ seconds_since_run_began() }}
        where run_id = '{{ invocation_id }}';
        {%- if not failed %}
        update builds.finished_models set is_open = false where run_id = '{{ invocation_id }}';
        {%- endif %}
        {%- if var('refit') != 'nightly' and not failed and is_whole_run() %}
        create or replace table builds.user_digests as
        select * from {{ from_the_past('inputs', 'user_digests') }};
        {%- endif %}
        {%- for result in results if result.node.resource_type in ['model', 'seed'] -%}
            {%- set relation = adapter.get_relation(
                result.node.database, result.node.schema, result.node.alias
            ) -%}
            {%- set worked = result.timing | selectattr('name', 'equalto', 'execute') | first -%}
            {#- What was not made anew took no time that would tell anything. -#}
            {%- set status = 'kept' if result.message == 'KEPT' else result.status %}
        insert into builds.run_results by name
        select
            '{{ invocation_id }}' as run_id,
            {{ quoted(result.node.unique_id) }} as node_id,
            {{ quoted(result.node.resource_type) }} as resource_type,
            {{ quoted(result.node.schema) }} as schema_name,
            {{ quoted(result.node.name) }} as name,
            {{ quoted(status) }} as status,
            {%- if result.status == 'success' and relation and relation.is_table %}
            (select count(*) from {{ relation }}) as n_rows,
            {{ bytes_on_disk(relation) }} as n_bytes,
            {%- endif %}
            {%- if peaks and worked and worked.completed_at %}
            {%- for what in ['memory', 'spill'] %}
            foryou_peak(
                '{{ what }}',
                epoch(timestamp '{{ worked.started_at }}'),
                epoch(timestamp '{{ worked.completed_at }}')
            ) as peak_{{ what }}_bytes,
            {%- endfor %}
            {%- endif %}
            {{ result.execution_time }} as duration_seconds;
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
