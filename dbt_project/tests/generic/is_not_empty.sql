{#- The table has at least one row: fails with one row that says so. -#}
{% test is_not_empty(model) %}

select 'no rows' as problem
where not exists (select * from {{ model }})

{% endtest %}
