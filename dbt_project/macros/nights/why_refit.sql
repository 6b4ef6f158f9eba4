{#-
    Why everything is learned anew in this build; none: only what is new is folded in. A refit that
    was begun and not finished is begun again, since its tables are of two minds.
-#}
{% macro why_refit() -%}
    {%- if var('refit') == 'nightly' -%}
        {%- do return('refit: nightly') -%}
    {%- endif -%}
    {%- if flags.FULL_REFRESH -%}
        {%- do return('--full-refresh') -%}
    {%- endif -%}
    {%- set runs = from_the_past('builds', 'runs') -%}
    {%- set last = run_query(
        'select as_of, fingerprint, coalesce(n_failed = 0, false) and is_whole as is_complete from '
        ~ runs
        ~ ' where is_refit order by ran_at desc limit 1'
    ).rows if runs is not none else [] -%}
    {%- if not last -%}
        {%- do return('nothing was learned before') -%}
    {%- endif -%}
    {%- if not last[0]['is_complete'] -%}
        {%- do return('the last refit was not of everything, or did not end well') -%}
    {%- endif -%}
    {%- if last[0]['fingerprint'] != fingerprint_of_run() -%}
        {%- do return('models or vars have changed since the last refit') -%}
    {%- endif -%}
    {%- set age = run_query(
        'select date_diff(\'hour\', ' ~ quoted(last[0]['as_of']) ~ '::timestamp, ' ~ as_of() ~ ')'
    ).rows[0][0] -%}
    {#- Builds do not start at the same second: what is due within half a day is due. -#}
    {%- if age >= 24 * 7 - 12 -%}
        {%- do return('the last refit is of ' ~ last[0]['as_of']) -%}
    {%- endif -%}
    {%- do return(none) -%}
{%- endmacro %}

{#- What a build is made by: its models, and the vars that it was given. -#}
{% macro fingerprint_of_run() -%}
    {%- set given = {} -%}
    {%- for name, value in (invocation_args_dict.get('vars') or {}).items() if name != 'as_of' -%}
        {%- do given.update({name: value}) -%}
    {%- endfor -%}
    {%- set checksums = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type in ['model', 'seed'] -%}
        {%- do checksums.append(node.unique_id ~ node.checksum.checksum) -%}
    {%- endfor -%}
    {%- do return(local_md5(tojson(given, sort_keys=true) ~ checksums | sort | join(' '))) -%}
{%- endmacro %}
