{#- Whether the events of the chosen data set say when they happened. -#}
{% macro has_event_times() -%}
    {%- set folder = var('datasets').get(var('dataset')) -%}
    {%- if folder == 'custom' -%}
        {%- do return('occurred_at' in (custom_entry('interactions').columns or {})) -%}
    {%- endif -%}
    {%- do return(folder not in ['lastfm_2k', 'lastfm_360k']) -%}
{%- endmacro %}
