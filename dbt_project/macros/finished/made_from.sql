{#-
    What the model at hand is made from, as one text: its code as compiled, so with its vars, what
    its parents hold, and for Python the learning code. None where that cannot be told, as of a
    view over files.
-#}
{% macro made_from() -%}
    {%- set parents = model.depends_on.nodes | unique | sort -%}
    {#- A night that folds in leaves other rows than a refit. -#}
    {%- set parts = [compiled_code, is_fold_in()] -%}
    {%- for column in model.columns.values() -%}
        {%- do parts.append(column.name ~ ' ' ~ column.data_type) -%}
    {%- endfor -%}
    {%- set tables = [] -%}
    {%- for parent in parents -%}
        {%- if parent.startswith('seed.') -%}
            {%- set seed = graph.nodes[parent] -%}
            {%- do parts.append(seed.checksum.name ~ seed.checksum.checksum) -%}
            {%- do parts.append(seed.config.column_types) -%}
        {%- else -%}
            {%- do tables.append(parent) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set held = run_query(
        'select node_id, holds from builds.finished_models where node_id in '
        ~ in_list(tables or ['']) ~ ' and holds is not null order by node_id'
    ).rows -%}
    {%- for node_id, holds in held -%}
        {%- do parts.append(node_id ~ ' ' ~ holds) -%}
    {%- endfor -%}
    {#- An input without a parent is read from files. -#}
    {%- if held | length < tables | length or (not parents and model.config.group == 'inputs') -%}
        {%- do return(none) -%}
    {%- endif -%}
    {%- if model.language == 'python' -%}
        {#- models_py stands beside the folder that dbt knows where our seeds are from. -#}
        {%- set folders = graph.nodes.values() | selectattr('package_name', 'equalto', 'foryou')
            | selectattr('resource_type', 'equalto', 'seed') | map(attribute='root_path') | list -%}
        {%- set learning_code = run_query(
            "select md5(string_agg(content, '' order by filename)) from read_text("
            ~ quoted(folders[0] ~ '/../models_py/*.py') ~ ')'
        ).rows[0][0] if folders else none -%}
        {%- if learning_code is none -%}
            {%- do return(none) -%}
        {%- endif -%}
        {%- do parts.append(learning_code) -%}
    {%- endif -%}
    {%- do return(local_md5(parts | join('\n'))) -%}
{%- endmacro %}
