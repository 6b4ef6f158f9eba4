{#- A rank counts 1, 2, 3, … within its group: fails with the groups that skip or repeat one. -#}
{% test has_no_gaps(model, column_name, group_by_columns) %}

select
    {{ group_by_columns | join(', ') }},
    min({{ column_name }}) as first_rank,
    max({{ column_name }}) as last_rank,
    count(distinct {{ column_name }}) as n_ranks,
    count(*) as n_rows
from {{ model }}
group by {{ group_by_columns | join(', ') }}
having
    min({{ column_name }}) <> 1
    or max({{ column_name }}) <> count(*)
    or count(distinct {{ column_name }}) <> count(*)

{% endtest %}
