{#- Whether the events of the chosen data set say when they happened. -#}
{% macro has_event_times() -%}
    {%- set folder = var('datasets').get(var('dataset')) -%}
    {%- if folder == 'custom' -%}
        {%- set columns = ((var('custom') or {}).get('interactions') or {}).get('columns') or {} -%}
        {%- do return('occurred_at' in columns) -%}
    {%- endif -%}
    {%- do return(folder not in ['lastfm_2k', 'lastfm_360k']) -%}
{%- endmacro %}
