{#- After build_choices: what is cheaper than its default in this build, and why. -#}
{% macro say_choices() -%}
    {%- if execute and not flags.EMPTY -%}
        {%- for name, value, default_value, reason in run_query(
            'select name, value, default_value, reason from ' ~ this
            ~ ' where is_cheaper order by name'
        ).rows -%}
            {%- do log(name ~ ': ' ~ value ~ ' in place of ' ~ default_value ~ ', for there are ' ~ reason, info=true) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
