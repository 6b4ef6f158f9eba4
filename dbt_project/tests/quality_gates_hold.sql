-- A gate that does not hold stops the build before anything after it, or is warned of, by its name.

{%- set gates = ref('quality_gates') -%}
{%- if execute and flags.WHICH in ['build', 'test'] and not flags.EMPTY and var('quality_gates') -%}
    {%- set broken = {'error': [], 'warn': []} -%}
    {%- for gate, severity, problem in run_query(
        'select gate, severity, problem from ' ~ gates ~ ' where problem is not null order by all'
    ).rows -%}
        {%- do broken[severity].append(gate ~ ' ' ~ problem) -%}
    {%- endfor -%}
    {%- if broken.warn -%}
        {%- do exceptions.warn('Quality gates: ' ~ broken.warn | join('; ')) -%}
    {%- endif -%}
    {%- if broken.error -%}
        {%- do exceptions.raise_compiler_error('Quality gates: ' ~ broken.error | join('; ')) -%}
    {%- endif -%}
{%- endif %}

select
    gate,
    problem
from {{ gates }}
where problem is not null and severity = 'error'
