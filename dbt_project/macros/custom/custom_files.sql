{#- The files of a custom input, and when each was last changed. -#}
{% macro custom_files(entity) -%}
    select
        filename as source_file,
        timezone('UTC', last_modified) as changed_at
    from read_blob({{ quoted(custom_entry(entity).file) }})
{%- endmacro %}
