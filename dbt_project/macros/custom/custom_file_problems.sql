{#-
    What is wrong with a custom input's files as they lie on the disk: what DuckDB would read
    without a word (a compressed file that was cut off) or refuse in words that help nobody.
-#}
{% macro custom_file_problems(entity) -%}
    {%- set file = custom_entry(entity).file -%}
    {%- set options = custom_entry(entity).options or {} -%}
    {%- set format = custom_file_format(file) -%}
    {%- set is_gzip = file.lower().endswith('.gz') and 'compression' not in options -%}
    {%- set is_zstd = file.lower().endswith('.zst') and 'compression' not in options -%}
    {%- set is_plain = not (is_gzip or is_zstd or 'compression' in options or 'encoding' in options) -%}
    {#- Files are looked at in memory, so larger ones are left to DuckDB's own messages. -#}
    {%- set at_most_bytes = 256 * 1024 * 1024 -%}
    {%- set size = run_query(
        'select sum(size) from read_blob(' ~ quoted(file) ~ ')'
    ).columns[0].values()[0] -%}
    {%- set problems = [] -%}
    {%- if size <= at_most_bytes -%}
        {%- set query -%}
            with files as (
                select
                    filename,
                    size,
                    hex(content[:4]) as first_bytes,
                    hex(content[-4:]) as last_bytes,
                    {% if is_plain and format != 'parquet' -%}
                    -- A byte 0 near the start of what is not UTF-8 anyway: no text.
                    try(decode(content)) is null
                    and regexp_matches(hex(content[:1000]), '^(..)*00') as is_binary
                    {%- else -%}
                    false as is_binary
                    {%- endif %},
                    {% if is_plain and format == 'csv' -%}
                    -- Where nothing is quoted, no line break is part of a field.
                    not contains(try(decode(content)), '"')
                    and contains(try(decode(content)), e'\r\n')
                    and regexp_matches(try(decode(content)), '[^\r]\n') as has_mixed_line_ends
                    {%- else -%}
                    false as has_mixed_line_ends
                    {%- endif %}
                from read_blob({{ quoted(file) }})
            )
            select filename, problem
            from (
                select
                    filename,
                    case
                        when size = 0 then 'is empty; there is not even a header'
                        {% if is_gzip -%}
                        when first_bytes not like '1F8B%'
                            then 'is not gzip, as its name says; take .gz off its name'
                        {%- elif is_zstd -%}
                        when first_bytes <> '28B52FFD'
                            then 'is not zstd, as its name says; take .zst off its name'
                        {%- elif format == 'parquet' -%}
                        when first_bytes <> '50415231'
                            then 'is not Parquet, as its name says; give it the ending of what it is'
                        when last_bytes <> '50415231'
                            then 'is cut off: the end of the Parquet file is missing; fetch it again'
                        {%- elif is_plain -%}
                        when first_bytes = '50415231'
                            then 'is Parquet, not what its name says; let its name end in .parquet'
                        when first_bytes like '1F8B%'
                            then 'is gzip, not what its name says; let its name end in .gz'
                        when first_bytes = '28B52FFD'
                            then 'is zstd, not what its name says; let its name end in .zst'
                        when first_bytes = '504B0304' or first_bytes = 'D0CF11E0'
                            then 'is a zip archive or a workbook; unpack it, or save it as CSV'
                        when first_bytes like 'FFFE%' or first_bytes like 'FEFF%'
                            then 'is UTF-16; save it as UTF-8{{ ', or say options: {encoding: utf-16}' if format == 'csv' }}'
                        when first_bytes like '3C%'
                            then 'is HTML or XML; was an error page downloaded in its place?'
                        when is_binary
                            then 'is not text, as its name says; give it the ending of what it is'
                        when has_mixed_line_ends
                            then 'ends some lines with CR LF and others with LF; save it with one of them'
                        {%- endif %}
                    end as problem
                from files
            )
            where problem is not null
            order by filename
        {%- endset -%}
        {%- for filename, problem in run_query(query).rows -%}
            {%- do problems.append('custom.' ~ entity ~ ': ' ~ filename ~ ' ' ~ problem) -%}
        {%- endfor -%}
        {#-
            gzip ends with the length of what was packed (of the last part, modulo 4 GiB). Any other
            four bytes stand there when the end is missing, nearly always for more than was read.
        -#}
        {%- if is_gzip and format == 'csv' and not problems -%}
            {%- set query -%}
                with packed as (
                    select
                        filename,
                        cast(
                            '0x' || hex(content[-1:]) || hex(content[-2:-2])
                            || hex(content[-3:-3]) || hex(content[-4:-4]) as bigint
                        ) as n_bytes
                    from read_blob({{ quoted(file) }})
                ),
                unpacked as (
                    select
                        filename,
                        -- Two bytes may end a line.
                        sum(coalesce(strlen(line), 0) + 2) as n_bytes
                    from read_csv(
                        {{ quoted(file) }}, columns = {line: 'varchar'}, auto_detect = false,
                        header = false, delim = e'\x1f', quote = '', escape = '', comment = '',
                        null_padding = true, strict_mode = false, filename = true
                        {%- if options.encoding %}, encoding = {{ quoted(options.encoding) }}{% endif %}
                    )
                    group by filename
                )
                select filename
                from packed
                left join unpacked using (filename)
                where packed.n_bytes > coalesce(unpacked.n_bytes, 0)
                order by filename
            {%- endset -%}
            {%- for filename in run_query(query).columns[0].values() -%}
                {%- do problems.append(
                    'custom.' ~ entity ~ ': ' ~ filename ~ ' is cut off: the gzip stream has no end; '
                    ~ 'fetch it again'
                ) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endif -%}
    {%- do return(problems) -%}
{%- endmacro %}
