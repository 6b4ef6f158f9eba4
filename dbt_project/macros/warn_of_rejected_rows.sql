{#- How many rows of the source were refused, by reason, as one warning of the build. -#}
{% macro warn_of_rejected_rows(rejected_interactions) -%}
    {%- if execute and not flags.EMPTY -%}
        {%- set counts = run_query(
            'select reason, count(*) as n_rows from ' ~ rejected_interactions
            ~ ' group by reason order by n_rows desc, reason'
        ).rows -%}
        {%- set lines = [] -%}
        {%- for reason, n_rows in counts -%}
            {%- do lines.append('{:,} × {}'.format(n_rows | int, reason)) -%}
        {%- endfor -%}
        {%- if lines -%}
            {%- do exceptions.warn(
                'Refused rows, kept in ' ~ rejected_interactions.schema ~ '.'
                ~ rejected_interactions.identifier ~ ': ' ~ lines | join(', ')
            ) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
