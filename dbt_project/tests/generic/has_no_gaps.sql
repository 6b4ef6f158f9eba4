{#-
    A rank counts 1, 2, 3, … within its group: fails with the groups that skip or repeat one. Told by
    sums and sums of squares, which need no memory for each row.
-#}
{% test has_no_gaps(model, column_name, group_by_columns) %}

select
    {{ group_by_columns | join(', ') }},
    min({{ column_name }}) as first_rank,
    max({{ column_name }}) as last_rank,
    count(*) as n_rows
from {{ model }}
group by {{ group_by_columns | join(', ') }}
having
    min({{ column_name }}) <> 1
    or max({{ column_name }}) <> count(*)
    or count({{ column_name }}) <> count(*)
    or 2 * sum(cast({{ column_name }} as bigint)) <> count(*) * (count(*) + 1)
    or 6 * sum(cast({{ column_name }} as bigint) * {{ column_name }})
    <> count(*) * (count(*) + 1) * (2 * count(*) + 1)

{% endtest %}
