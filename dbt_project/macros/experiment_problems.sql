{#- What is wrong with the var experiments, and others that are about experiments. -#}
{% macro experiment_problems() -%}
    {%- set problems = [] -%}
    {%- set experiments = var('experiments') -%}
    {%- set keys = ['control', 'shares', 'salt', 'layer', 'layer_range'] -%}
    {%- if experiments is not mapping -%}
        {%- do return(['experiments: must be a mapping, is ' ~ experiments]) -%}
    {%- endif -%}
    {%- set taken = [] -%}
    {%- for experiment, its in experiments.items() -%}
        {%- set name = 'experiments: ' ~ experiment -%}
        {%- if its is not mapping -%}
            {%- do problems.append(name ~ ' must be a mapping, is ' ~ its) -%}
        {%- else -%}
            {%- for key in its if key not in keys -%}
                {%- do problems.append(name ~ ' has no ' ~ key ~ '; choose from ' ~ keys | join(', ')) -%}
            {%- endfor -%}
            {%- set shares = its.shares -%}
            {%- if shares and (shares is not mapping or shares.values() | reject('number') | list
                or shares.values() | select('number') | select('<=', 0) | list or shares | length < 2) -%}
                {%- do problems.append(
                    name ~ ': shares must be of two variants or more, each above 0, is ' ~ shares
                ) -%}
            {%- elif shares and its.control and its.control not in shares -%}
                {%- do problems.append(
                    name ~ ': the control ' ~ its.control ~ ' is none of ' ~ shares | join(', ')
                ) -%}
            {%- endif -%}
            {%- set range = its.layer_range -%}
            {%- if range and not its.layer -%}
                {%- do problems.append(name ~ ': layer_range is of a layer; name it') -%}
            {%- elif its.layer and (not range or range is string or range is not iterable
                or range | length != 2 or range | reject('number') | list
                or range[0] < 0 or range[1] > 1 or range[0] >= range[1]) -%}
                {%- do problems.append(
                    name ~ ': layer_range must be [from, to] between 0 and 1, is ' ~ range
                ) -%}
            {%- elif range -%}
                {%- for other, layer, from, to in taken
                    if layer == its.layer and range[0] < to and from < range[1] -%}
                    {%- do problems.append(
                        name ~ ' and ' ~ other ~ ' share a part of the layer ' ~ layer
                        ~ ', so some users would be in both'
                    ) -%}
                {%- endfor -%}
                {%- do taken.append([experiment, its.layer, range[0], range[1]]) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set its = var('replayed_experiment') -%}
    {%- set lists = all_sources() + ['blend', 'lightgbm', 'dlrm', 'final'] -%}
    {%- if its is not none and (its is not mapping or its | sort != ['control', 'k', 'treatment']) -%}
        {%- do problems.append(
            'replayed_experiment: must be null or have a control, a treatment and k, is ' ~ its
        ) -%}
    {%- elif its is not none -%}
        {%- for name in ['control', 'treatment'] if its[name] not in lists -%}
            {%- do problems.append(
                'replayed_experiment: the ' ~ name ~ ' "' ~ its[name] ~ '" is no list; choose from '
                ~ lists | join(', ')
            ) -%}
        {%- endfor -%}
        {%- if its.control == its.treatment -%}
            {%- do problems.append(
                'replayed_experiment: the treatment is the control, ' ~ its.control
            ) -%}
        {%- endif -%}
        {%- if its.k is not integer or its.k is boolean or its.k < 1 -%}
            {%- do problems.append(
                'replayed_experiment: k must be a whole number above 0, is ' ~ its.k
            ) -%}
        {%- endif -%}
        {%- if replay() and 'replay' in experiments -%}
            {%- do problems.append(
                'experiments: replay is the name of the replayed_experiment; give yours another'
            ) -%}
        {%- endif -%}
    {%- endif -%}
    {%- set days = var('retention_days') -%}
    {%- if days is string or days is not iterable or days | reject('integer') | list
        or days | select('integer') | select('<', 1) | list -%}
        {%- do problems.append('retention_days: must be a list of whole numbers above 0, is ' ~ days) -%}
    {%- endif -%}
    {%- set types = var('revenue_event_types') -%}
    {%- if types is string or types is not iterable or types | reject('string') | list -%}
        {%- do problems.append('revenue_event_types: must be a list of event types, is ' ~ types) -%}
    {%- endif -%}
    {%- do return(problems) -%}
{%- endmacro %}
