{#- The places of a list that are exploration slots: every exploration_every-th, or none at 0. -#}
{% macro exploration_places() -%}
    {%- set every = var('exploration_every') -%}
    {#- check_vars refuses what is no number. -#}
    {%- if every is not integer or every < 1 or var('recommendations_k') is not integer -%}
        {%- do return([]) -%}
    {%- endif -%}
    {%- do return(range(every, var('recommendations_k') + 1, every) | list) -%}
{%- endmacro %}
