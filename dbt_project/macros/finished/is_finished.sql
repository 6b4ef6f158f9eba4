{#-
    Whether the model at hand was made, from what it would be made from now, by a build that then
    was killed or failed. A build that ends well closes its notes: the next one makes all anew.
-#}
{% macro is_finished() -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- if existing_relation is none or not existing_relation.is_table
        or should_full_refresh() or flags.EMPTY -%}
        {%- do return(false) -%}
    {%- endif -%}
    {%- set from = made_from() -%}
    {%- if from is none -%}
        {%- do return(false) -%}
    {%- endif -%}
    {%- do return(run_query(
        'select 1 from builds.finished_models where is_open and node_id = '
        ~ quoted(model.unique_id) ~ ' and made_from = ' ~ quoted(from)
    ).rows | length > 0) -%}
{%- endmacro %}
