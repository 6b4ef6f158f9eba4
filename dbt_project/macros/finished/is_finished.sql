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
    {%- set notes = run_query(
        'select made_from from builds.finished_models where is_open and made_from is not null'
        ~ ' and node_id = ' ~ quoted(model.unique_id)
    ).rows -%}
    {#- Only where there is a note is it worth while to work out what the model is made from. -#}
    {%- do return(notes | length > 0 and notes[0][0] == made_from()) -%}
{%- endmacro %}
