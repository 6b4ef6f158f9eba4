{#- The lines of text files, with the file that each stands in. -#}
{% macro lines_of(pattern) -%}
    {{ return(adapter.dispatch('lines_of', 'foryou')(pattern)) }}
{%- endmacro %}

{% macro default__lines_of(pattern) -%}
    (
        select
            line as text_line,
            parse_filename(filename) as source_file
        from read_csv(
            {{ quoted(pattern) }},
            columns = {'line': 'varchar'},
            -- The character itself, which JSON never holds: '\x01' are four, which it may.
            delim = chr(1),
            -- Whatever the lines hold, it is no dialect.
            auto_detect = false,
            quote = '',
            escape = '',
            header = false,
            filename = true,
            max_line_size = 10000000
        )
    )
{%- endmacro %}
