{#- Before the first table: what dbt is about to do, so that a run that was killed is known as one. -#}
{% macro begin_run() -%}
    {%- if execute -%}
        create schema if not exists builds;
        create table if not exists builds.finished_models (
            node_id varchar primary key,
            run_id varchar not null,
            made_from varchar,
            holds varchar,
            is_open boolean not null
        );
    {%- endif -%}
    {%- if execute and not flags.EMPTY %}
        create table if not exists builds.runs (
            run_id varchar primary key,
            ran_at timestamp not null,
            command varchar not null,
            n_nodes integer,
            n_failed integer,
            duration_seconds double
        );
        create table if not exists builds.run_results (
            run_id varchar not null,
            node_id varchar not null,
            resource_type varchar not null,
            schema_name varchar,
            name varchar not null,
            status varchar not null,
            duration_seconds double not null,
            primary key (run_id, node_id)
        );
        -- Warehouses that were built before these columns were thought of get them, too.
        {%- for table, columns in {
            'runs': {
                'is_refit': 'boolean', 'is_whole': 'boolean', 'as_of': 'timestamp',
                'fingerprint': 'varchar', 'peak_memory_bytes': 'bigint', 'peak_spill_bytes': 'bigint',
            },
            'run_results': {
                'n_rows': 'bigint', 'n_bytes': 'bigint', 'peak_memory_bytes': 'bigint',
                'peak_spill_bytes': 'bigint',
            },
        }.items() %}
        {%- for column, type in columns.items() %}
        alter table builds.{{ table }} add column if not exists {{ column }} {{ type }};
        {%- endfor %}
        {%- endfor %}
        {%- set why = why_refit() if flags.WHICH in ['build', 'run'] else none -%}
        {%- if var('refit') != 'nightly' and flags.WHICH in ['build', 'run'] -%}
            {%- do log(
                'Everything is learned anew: ' ~ why if why
                else 'What is new is folded into what was learned (refit: weekly).', info=true
            ) -%}
        {%- endif %}
        insert into builds.runs (
            run_id, ran_at, command, is_refit, is_whole, as_of, fingerprint
        ) values (
            '{{ invocation_id }}',
            {{ run_began_at() }},
            {{ quoted(flags.WHICH) }},
            {{ why is not none }},
            {{ is_whole_run() }},
            {{ as_of() }},
            '{{ fingerprint_of_run() }}'
        );
    {%- endif -%}
{%- endmacro %}
