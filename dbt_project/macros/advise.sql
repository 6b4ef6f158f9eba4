{#-
    After the last table: what to do where memory or disk was not enough, once for each. It comes
    before what is written down of the run, for which there may be no room either.
-#}
{% macro advise(results) -%}
    {%- set short = {} -%}
    {%- for result in results if execute and result.status == 'error' -%}
        {%- set message = result.message | string -%}
        {%- if 'No space left' in message or 'File too large' in message
            or 'max_temp_directory_size' in message -%}
            {%- do short.setdefault('disk', []).append(result.node.name) -%}
        {%- elif 'Out of Memory Error' in message -%}
            {%- do short.setdefault('memory', []).append(result.node.name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if short.memory -%}
        {%- do log(
            'DuckDB needs more memory than FORYOU_MEMORY_LIMIT gives it for ' ~ short.memory | join(', ')
            ~ '. Raise it, or lower users_per_block (' ~ var('users_per_block') ~ '), pairs_per_block ('
            ~ var('pairs_per_block') ~ ') or candidates_k (' ~ sized('candidates_k')
            ~ '), and build again: what is finished is kept.', info=true
        ) -%}
    {%- endif -%}
    {%- if short.disk -%}
        {%- do log(
            'There is no room left on the disk of the warehouse for ' ~ short.disk | join(', ')
            ~ '. Make some, and build again: what is finished is kept.', info=true
        ) -%}
    {%- endif -%}
{%- endmacro %}
