{#-
    A table that is filled one fold at a time, so that a query needs the memory of its largest fold
    however many there are. The model's import CTEs say `where {{ in_current_fold() }}`; compiled
    and run by hand, without a current fold, the query gives all folds at once, the same rows.

    With the config `in_blocks_of_users` a fold is filled so many users at a time (the var
    users_per_block), for queries that need users × candidates; they say
    `where {{ in_current_fold() }} and {{ in_current_users() }}`.

    Everything is one transaction: readers see the old table or the new one.
-#}
{% materialization by_fold, adapter='duckdb' %}
    {%- if is_finished() -%}
        {{ return(keep_finished()) }}
    {%- endif -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {#- Every model below the folds has them among its ancestors, few among their own refs. -#}
    {%- set folds = graph.nodes['model.foryou.folds'].relation_name -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {#- Dropped here: the transaction begins with this statement. -#}
    {% call statement('main') -%}
        {% if existing_relation is not none -%}
        drop {{ existing_relation.type }} {{ existing_relation }};
        {%- endif %}
        create table {{ target_relation.include(database=false) }} as
        select * from ({{ compiled_code }}) as all_folds limit 0
    {%- endcall %}
    {%- set per_block = var('users_per_block') if config.get('in_blocks_of_users') else none -%}
    {% for fold in run_query('select fold from ' ~ folds ~ ' order by fold').columns[0].values() %}
        {% do run_query('set variable current_fold = ' ~ quoted(fold)) %}
        {%- set n_users = run_query(
            'select count(*) from ' ~ graph.nodes['model.foryou.fold_users'].relation_name
            ~ ' where fold = ' ~ quoted(fold)
        ).columns[0].values()[0] if per_block else 1 -%}
        {%- set n_blocks = [(n_users / (per_block or 1)) | round(0, 'ceil') | int, 1] | max -%}
        {% for block in range(n_blocks) %}
            {% if per_block %}
                {% do run_query('set variable n_blocks = ' ~ n_blocks) %}
                {% do run_query('set variable current_block = ' ~ block) %}
            {% endif %}
            {% call statement('fold_' ~ fold ~ '_' ~ block) -%}
                insert into {{ target_relation.include(database=false) }}
                {{ compiled_code }}
            {%- endcall %}
        {% endfor %}
    {% endfor %}
    {% if per_block %}
        {% do run_query('reset variable n_blocks') %}
        {% do run_query('reset variable current_block') %}
    {% endif %}
    {% do run_query('reset variable current_fold') %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do persist_docs(target_relation, model) %}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
