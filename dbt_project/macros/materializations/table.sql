{#-
    A table, of SQL or of Python, which is kept if a build that was killed or failed has finished it.
    Else it is made beside the old one, which it replaces: readers see the one or the other.
-#}
{% materialization table, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- if is_finished() -%}
        {{ return(keep_finished()) }}
    {%- endif -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set new_relation = make_intermediate_relation(target_relation) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {{ drop_relation_if_exists(load_cached_relation(new_relation)) }}
    {% call statement('main', language=model.language) -%}
        {{- create_table_as(false, new_relation, compiled_code, model.language) }}
    {%- endcall %}
    {{ drop_relation_if_exists(existing_relation) }}
    {{ adapter.rename_relation(new_relation, target_relation) }}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do persist_docs(target_relation, model) %}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
