{#- Whether this run of dbt makes every table. -#}
{% macro is_whole_run() -%}
    {%- set left_out = [] -%}
    {%- for node in graph.nodes.values()
        if node.resource_type == 'model' and node.package_name == 'foryou'
        and node.unique_id not in selected_resources -%}
        {%- do left_out.append(node.unique_id) -%}
    {%- endfor -%}
    {%- do return(left_out | length == 0) -%}
{%- endmacro %}
