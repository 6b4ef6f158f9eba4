{#-
    How an `append` model is to be filled: whether rows are added to those that it holds, and the
    variables that its query reads for that. Where it cannot be told what it holds, or what was read
    is no longer what stands there, all is read again: the table is always the one that a full
    refresh would give.
-#}
{% macro loading(relation) -%}
    {%- if load_unit() == 'file' -%}
        {%- do return(loading_by_file(relation)) -%}
    {%- elif load_unit() == 'time' and relation is not none -%}
        {%- do return(loading_by_time(relation)) -%}
    {%- endif -%}
    {%- do return({'appends': false, 'variables': {}}) -%}
{%- endmacro %}

{% macro loading_by_file(relation) -%}
    {%- set found = custom_files('interactions') -%}
    {%- set variables = {
        'file_times': '(select map(list(source_file), list(changed_at)) from (' ~ found ~ '))',
    } -%}
    {%- set names = [] -%}
    {%- set changed = [] -%}
    {%- if relation is not none -%}
        {%- for source_file, is_gone, is_changed in run_query(
            'with loaded as (select source_file, max(loaded_at) as loaded_at from ' ~ relation
            ~ ' group by source_file), found as (' ~ found ~ ') '
            ~ 'select source_file, found.changed_at is null,'
            ~ ' loaded.loaded_at is distinct from found.changed_at '
            ~ 'from loaded left join found using (source_file) order by source_file'
        ).rows -%}
            {%- do names.append(quoted(source_file)) -%}
            {%- if is_gone -%}
                {%- do exceptions.warn(
                    source_file ~ ' is gone; what was read from it stays until --full-refresh'
                ) -%}
            {%- elif is_changed -%}
                {%- do changed.append(source_file) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if changed -%}
        {%- do log('Changed since it was read: ' ~ changed | join(', ') ~ '. All files are read again', info=true) -%}
    {%- elif names -%}
        {%- do variables.update({'loaded_files': '[' ~ names | join(', ') ~ ']'}) -%}
    {%- endif -%}
    {%- do return({'appends': names and not changed, 'variables': variables}) -%}
{%- endmacro %}

{% macro loading_by_time(relation) -%}
    {%- set until, n_loaded = run_query(
        'select max(loaded_at), count(*) from ' ~ relation
    ).rows[0].values() -%}
    {%- set loaded_until = quoted(until) ~ '::timestamp' -%}
    {%- if until is not none -%}
        {%- set n_found = run_query(
            'select count(*) from ' ~ staged('interactions')
            ~ ' where loaded_at is null or loaded_at <= ' ~ loaded_until
        ).rows[0][0] -%}
        {%- if n_found == n_loaded -%}
            {%- do return({'appends': true, 'variables': {'loaded_until': loaded_until}}) -%}
        {%- endif -%}
        {%- do log(
            '{:,} rows say that they were loaded until {}, {:,} were read then. All rows are read again'
            .format(n_found | int, until, n_loaded | int), info=true
        ) -%}
    {%- endif -%}
    {%- do return({'appends': false, 'variables': {}}) -%}
{%- endmacro %}
