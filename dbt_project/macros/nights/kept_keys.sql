{#-
    Keys that stay from build to build where the var `refit` is not `nightly`: what was learned goes
    by them. New ids get the next keys. Else, and with --full-refresh, keys follow the ids.

    A relation with the id, and `key`.
-#}
{% macro kept_keys(relation, id, key) -%}
    {%- set earlier = from_the_past('inputs', this.identifier) if var('refit') != 'nightly'
        and execute and not flags.FULL_REFRESH else none -%}
    {%- if earlier is none -%}
    select
        {{ id }},
        cast(row_number() over (order by {{ id }}) as integer) as {{ key }}
    from {{ relation }}
    {%- else -%}
    select
        {{ relation }}.{{ id }},
        cast(
            coalesce(
                earlier.{{ key }},
                (select max({{ key }}) from {{ earlier }})
                + row_number() over (
                    partition by earlier.{{ key }} is null order by {{ relation }}.{{ id }}
                )
            ) as integer
        ) as {{ key }}
    from {{ relation }}
    left join {{ earlier }} as earlier on {{ relation }}.{{ id }} = earlier.{{ id }}
    {%- endif -%}
{%- endmacro %}
