{#-
    As a package: another project's model may stand in for one of ours, if ours is disabled. One
    that merely has the same name, such as `users`, must not be read in its place by accident.
-#}
{% macro check_overrides() -%}
    {%- if execute -%}
        {%- set problems = [] -%}
        {%- for node in graph.nodes.values() if node.package_name == 'foryou' -%}
            {%- for parent in node.depends_on.nodes
                if parent.startswith('model.') and not parent.startswith('model.foryou.') -%}
                {%- set name = parent.split('.')[2] -%}
                {%- if 'model.foryou.' ~ name in graph.nodes -%}
                    {%- do problems.append(name ~ ' of ' ~ parent.split('.')[1]) -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- if problems -%}
            {%- do exceptions.raise_compiler_error(
                'These models would be read where foryou means its own of the same name: '
                ~ problems | unique | join(', ') ~ '. Either set the flag '
                ~ 'require_ref_searches_node_package_before_root: true in your dbt_project.yml, or '
                ~ 'rename yours, or, if yours is to stand in for ours, disable ours'
            ) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
