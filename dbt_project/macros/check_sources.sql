{#-
    Before the first table: every file that the chosen data set's sources name is there, unless it
    is optional, holds the columns that their yml declares, and has at least one interaction. All
    problems at once.
-#}
{% macro check_sources() -%}
    {%- if execute and flags.WHICH in ['build', 'run', 'test', 'snapshot', 'seed'] and not flags.EMPTY -%}
        {%- set folder = var('datasets')[var('dataset')] -%}
        {%- set problems = [] -%}
        {%- for source in graph.sources.values()
            if source.source_name == folder and folder != 'custom' -%}
            {%- set path = source.config.meta.path -%}
            {%- set relation = source.config.meta.external_location | replace('{path}', path) -%}
            {%- if not file_exists(path) -%}
                {%- if not source.config.meta.get('is_optional') -%}
                    {%- do problems.append(
                        path ~ ' is missing; `make data DATASET=' ~ var('dataset') ~ '` gets it'
                    ) -%}
                {%- endif -%}
            {%- else -%}
                {%- set found = run_query('describe select * from ' ~ relation).columns[0].values() | list -%}
                {%- set missing = source.columns | reject('in', found) | list -%}
                {%- if missing -%}
                    {%- do problems.append(
                        'source ' ~ source.source_name ~ '.' ~ source.name ~ ' (' ~ path
                        ~ ') has no column ' ~ missing | join(', ') ~ '; it has ' ~ found | join(', ')
                    ) -%}
                {%- elif source.config.meta.get('is_required')
                    and run_query('select 1 from ' ~ relation ~ ' limit 1').rows | length == 0 -%}
                    {%- do problems.append(path ~ ' holds no rows; there is nothing to learn from') -%}
                {%- endif -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if folder == 'custom' -%}
            {%- do problems.extend(custom_problems()) -%}
        {%- endif -%}
        {%- set lacking = ['experiment_assignments', 'impressions']
            | reject('in', staging_inputs()[folder]) | list -%}
        {%- set its = replay() -%}
        {%- if its -%}
            {%- do log(
                'Without ' ~ lacking | join(' and ') ~ ' there is no experiment to tell of: in its '
                ~ 'place ' ~ its.treatment ~ ' against ' ~ its.control ~ ' is replayed on what people '
                ~ 'did after the cutoff of holdout (replayed_experiment).', info=true
            ) -%}
        {%- elif lacking -%}
            {%- do log(
                'Without ' ~ lacking | join(' and ') ~ ' there is nothing to tell of '
                ~ ('experiments and other policies' if lacking | length == 2
                    else 'experiments' if lacking == ['experiment_assignments']
                    else 'clicks and other policies')
                ~ ': such tables of the schema experiments are empty.', info=true
            ) -%}
        {%- endif -%}
        {%- if not has_event_times() -%}
            {%- do exceptions.warn(
                var('dataset') ~ ' has no event times: nothing can be cut by time, left out as the '
                ~ 'last or said to trend. Splits: ' ~ active_splits() | join(', ')
                ~ '. Sources: ' ~ active_sources() | join(', ')
            ) -%}
        {%- endif -%}
        {%- if problems -%}
            {%- do exceptions.raise_compiler_error(
                'The data cannot be read:\n  - ' ~ problems | join('\n  - ')
            ) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
