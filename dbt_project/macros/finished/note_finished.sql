{#-
    After a model, in its transaction: what it was made from and what it holds, so that a build
    after one that was killed or failed need not make it again. A table of the inputs holds its
    rows, as what comes from outside may be other rows by the next build, or the same ones; what is
    computed from them holds what it was made from.
-#}
{% macro note_finished() -%}
    {%- if execute -%}
        {%- set from = made_from() -%}
        {%- set is_input = model.config.group == 'inputs' and model.config.materialized != 'view' -%}
        insert or replace into builds.finished_models
        select
            {{ quoted(model.unique_id) }} as node_id,
            '{{ invocation_id }}' as run_id,
            {{ quoted(from) if from is not none else 'null' }} as made_from,
            {% if is_input -%}
            (select count(*) || ' ' || coalesce(sum(hash(t)), 0) from {{ this.include(database=false) }} as t)
            {%- else -%}
            made_from
            {%- endif %} as holds,
            true as is_open
    {%- endif -%}
{%- endmacro %}
