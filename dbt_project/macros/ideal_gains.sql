{#-
    A query with one row per n up to `k`: the sum of the gains of a list that begins with n hits,
    added up as those of other lists are, so that a perfect list has an NDCG of exactly 1.
-#}
{% macro ideal_gains(k) %}

    select
        lengths.n,
        {{ exact_sum('1.0 / log2(places.n + 1)', 30, 38) }} as ideal_gain
    from (select unnest(generate_series(1, {{ k }})) as n) as lengths
    inner join (select unnest(generate_series(1, {{ k }})) as n) as places on lengths.n >= places.n
    group by lengths.n

{% endmacro %}
