{#-
    One of the var quality_gates with all that it leaves out: the last measured fold, the list that is
    served, everybody; and in words, as it is called where it does not hold.
-#}
{% macro quality_gate(gate) -%}
    {%- set full = {
        'fold': fold_prefix(active_splits()[0]) ~ 'holdout',
        'model': 'final',
        'segment_kind': 'all',
        'segment': 'all',
        'minimum': none,
        'maximum': none,
        'maximal_drop': none,
        'severity': 'error',
    } -%}
    {%- do full.update(gate) -%}
    {%- do full.update({'gate': (
        full.metric ~ '@' ~ full.k ~ ' of ' ~ full.model ~ ' on ' ~ full.fold
        ~ ('' if full.segment_kind == 'all' else ' for ' ~ full.segment)
    )}) -%}
    {%- do return(full) -%}
{%- endmacro %}
