{#- What is wrong with the var quality_gates itself. -#}
{% macro quality_gate_problems() -%}
    {%- set problems = [] -%}
    {%- set gates = var('quality_gates') -%}
    {%- set keys = ['metric', 'k', 'fold', 'model', 'segment_kind', 'segment', 'minimum', 'maximum',
        'maximal_drop', 'severity'] -%}
    {%- if gates is string or gates is mapping or gates is not iterable -%}
        {%- do return(['quality_gates: must be a list of gates, is ' ~ gates]) -%}
    {%- endif -%}
    {%- for gate in gates -%}
        {%- set name = 'quality_gates: ' ~ gate -%}
        {%- if gate is not mapping or gate.metric is not string or gate.k is not integer -%}
            {%- do problems.append(name ~ ' needs a metric and a k, such as {metric: ndcg, k: 10, minimum: 0.2}') -%}
        {%- else -%}
            {%- for key in gate if key not in keys -%}
                {%- do problems.append(name ~ ': there is no ' ~ key ~ '; choose from ' ~ keys | join(', ')) -%}
            {%- endfor -%}
            {%- set limits = [] -%}
            {%- for limit in ['minimum', 'maximum', 'maximal_drop']
                if gate.get(limit) is not none -%}
                {%- do limits.append(limit) -%}
                {%- if gate[limit] is not number -%}
                    {%- do problems.append(name ~ ': ' ~ limit ~ ' must be a number') -%}
                {%- endif -%}
            {%- endfor -%}
            {%- if not limits -%}
                {%- do problems.append(name ~ ' needs one of minimum, maximum and maximal_drop') -%}
            {%- endif -%}
            {%- if gate.get('severity', 'error') not in ['error', 'warn'] -%}
                {%- do problems.append(name ~ ': severity is error or warn') -%}
            {%- endif -%}
            {%- if ('segment_kind' in gate) != ('segment' in gate) -%}
                {%- do problems.append(name ~ ': segment_kind and segment go together') -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do return(problems) -%}
{%- endmacro %}
