{#-
    By what it is known which events have been read already: `file` by the file that they stand in,
    `time` by when they were loaded into the owner's table. None: not at all, all are read anew.
-#}
{% macro load_unit() -%}
    {%- if not is_staged_by('custom') -%}
        {%- do return(none) -%}
    {%- endif -%}
    {%- set input = custom_entry('interactions') -%}
    {%- if input.file -%}
        {%- do return('file') -%}
    {%- endif -%}
    {%- do return('time' if 'loaded_at' in (input.columns or {}) else none) -%}
{%- endmacro %}
