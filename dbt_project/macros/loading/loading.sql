{#-
    How an `append` model is to be filled: `appends`, whether to the rows that it holds; `stale`, a
    condition on those of them that are dropped first; and the variables that its query reads. Where
    it cannot be told what it holds, all is read again: the table is always the one that a full
    refresh would give.
-#}
{% macro loading(relation) -%}
    {%- set anew = {'appends': false, 'stale': none, 'variables': {}} -%}
    {%- if load_unit() == 'file' -%}
        {%- do return(loading_by_file(relation)) -%}
    {%- elif load_unit() == 'time' and relation is not none -%}
        {%- do return(loading_by_time(relation) or anew) -%}
    {%- endif -%}
    {%- do return(anew) -%}
{%- endmacro %}

{#- Files that were read already are left alone, those that have changed since are read again. -#}
{% macro loading_by_file(relation) -%}
    {%- set found = custom_files('interactions') -%}
    {%- set variables = {
        'file_times': '(select map(list(source_file), list(changed_at)) from (' ~ found ~ '))',
    } -%}
    {%- set read = [] -%}
    {%- set changed = [] -%}
    {%- if relation is not none -%}
        {%- for source_file, is_gone, is_changed in run_query(
            'with loaded as (select source_file, max(loaded_at) as loaded_at from ' ~ relation
            ~ ' group by source_file), found as (' ~ found ~ ') '
            ~ 'select source_file, found.changed_at is null,'
            ~ ' loaded.loaded_at is distinct from found.changed_at '
            ~ 'from loaded left join found using (source_file) order by source_file'
        ).rows -%}
            {%- if is_changed and not is_gone -%}
                {%- do changed.append(source_file) -%}
            {%- else -%}
                {%- do read.append(quoted(source_file)) -%}
            {%- endif -%}
            {%- if is_gone -%}
                {%- do exceptions.warn(
                    source_file ~ ' is gone; what was read from it stays until --full-refresh'
                ) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if changed -%}
        {%- do log('Changed since it was read, and read again: ' ~ changed | join(', '), info=true) -%}
    {%- endif -%}
    {%- do variables.update({'loaded_files': '[' ~ read | join(', ') ~ ']::varchar[]'}) -%}
    {%- do return({
        'appends': relation is not none,
        'stale': 'source_file in ' ~ in_list(changed) if changed else none,
        'variables': variables,
    }) -%}
{%- endmacro %}

{#-
    Rows that were loaded since the newest that was read; none where rows have come with an older
    time, or with none, that were not there then.
-#}
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
            {%- do return({
                'appends': true, 'stale': none, 'variables': {'loaded_until': loaded_until},
            }) -%}
        {%- endif -%}
        {%- do log(
            '{:,} rows say that they were loaded until {}, {:,} were read then. All rows are read again'
            .format(n_found | int, until, n_loaded | int), info=true
        ) -%}
    {%- endif -%}
    {%- do return(none) -%}
{%- endmacro %}
