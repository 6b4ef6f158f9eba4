{#- What is wrong with the var `custom` itself, as far as it can be told without a look at the data. -#}
{% macro check_custom() -%}
    {%- set entities = input_columns() | list -%}
    {%- set optional = {
        'interactions': ['event_id', 'split', 'value', 'occurred_at', 'loaded_at'],
        'items': ['title', 'is_available', 'available_from'],
        'item_attributes': ['weight'],
        'item_embeddings': ['kind'],
        'users': ['signed_up_at'],
        'impressions': ['placement', 'policy', 'position', 'propensity', 'dwell_seconds', 'clicked'],
        'candidate_policies': ['user_id', 'placement', 'position'],
        'survey_answers': ['weight', 'is_liked', 'answered_at'],
    } -%}
    {%- set own = ['value_text', 'occurred_at_text', 'surplus_text', 'attributes', 'extra',
        'source_file', 'source_row'] -%}
    {%- set keys = ['file', 'relation', 'ref', 'source', 'columns', 'constants', 'options', 'kinds',
        'delimiter', 'attributes', 'extra'] -%}
    {%- set problems = [] -%}
    {%- if var('custom') is not mapping or 'interactions' not in var('custom') -%}
        {%- do return(['custom: dataset custom needs at least {interactions: {file: …, columns: …}}']) -%}
    {%- endif -%}
    {%- for entity, input in var('custom').items() -%}
        {%- set name = 'custom.' ~ entity -%}
        {%- if entity not in entities -%}
            {%- do problems.append(name ~ ': there is no such input; choose from ' ~ entities | join(', ')) -%}
        {%- elif input is not mapping -%}
            {%- do problems.append(name ~ ': must be a mapping, is ' ~ input) -%}
        {%- else -%}
            {%- for key in input if key not in keys -%}
                {%- do problems.append(name ~ ': there is no ' ~ key ~ '; choose from ' ~ keys | join(', ')) -%}
            {%- endfor -%}
            {%- set places = [] -%}
            {%- for key in ['file', 'relation', 'ref', 'source'] if input[key] -%}
                {%- do places.append(key) -%}
            {%- endfor -%}
            {%- if places | length != 1 -%}
                {%- do problems.append(name ~ ': needs one of file, relation, ref or source') -%}
            {%- endif -%}
            {%- if input.file and (input.file is not string or not custom_file_format(input.file)) -%}
                {%- do problems.append(
                    name ~ ': the name of ' ~ input.file ~ ' does not tell how to read it; it must '
                    ~ 'end in .parquet, .csv, .tsv, .txt, .json, .jsonl or .ndjson'
                ) -%}
            {%- endif -%}
            {%- if input.relation and not modules.re.match(
                '^("[^"]+"|\\w+)([.]("[^"]+"|\\w+)){0,2}$', input.relation | string
            ) -%}
                {%- do problems.append(name ~ ': ' ~ input.relation ~ ' is not the name of a table') -%}
            {%- endif -%}
            {%- for option in ['ignore_errors', 'parallel', 'store_rejects', 'strict_mode']
                if option in (input.options or {}) -%}
                {%- do problems.append(
                    name ~ ': the option ' ~ option ~ ' can lose lines without a word; leave it out '
                    ~ 'and mend the lines that the error names'
                ) -%}
            {%- endfor -%}
            {%- set columns = input.columns or {} -%}
            {#- Columns that stand in a row of their own where kinds name one column each. -#}
            {%- set long = ['kind', custom_kinds_column(entity)] -%}
            {%- set given = columns | list + (input.constants or {}) | list
                + (long if input.kinds else []) -%}
            {%- for column in input_columns(entity)
                if column not in given and column not in own
                and column not in optional.get(entity, []) -%}
                {%- do problems.append(
                    name ~ ': columns must say which of yours is ' ~ column
                    ~ (', or constants what it is' if column in ('event_type', 'kind') else '')
                ) -%}
            {%- endfor -%}
            {%- for column in given if column not in input_columns(entity) or column in own -%}
                {%- do problems.append(
                    name ~ ': there is no column ' ~ column ~ ' to map; choose from '
                    ~ input_columns(entity) | reject('in', own) | join(', ')
                ) -%}
            {%- endfor -%}
            {%- if input.file and 'loaded_at' in given -%}
                {%- do problems.append(
                    name ~ ': loaded_at is for tables; files are told apart by name and time of change'
                ) -%}
            {%- endif -%}
            {%- if input.kinds
                and entity not in ('item_attributes', 'user_attributes', 'survey_answers') -%}
                {%- do problems.append(
                    name ~ ': kinds are for item_attributes, user_attributes and survey_answers'
                ) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do return(problems) -%}
{%- endmacro %}
