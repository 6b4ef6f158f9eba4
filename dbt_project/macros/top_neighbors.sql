{#-
    The end of a model of neighbours: of each item the `n` that score highest, out of a relation
    with (fold, item_key, neighbor_item_key, weight, score).
-#}
{% macro top_neighbors(scored, n) -%}
    select
        fold,
        item_key,
        neighbor_item_key,
        weight,
        score,
        cast(
            row_number() over (
                partition by fold, item_key order by score desc, neighbor_item_key
            ) as integer
        ) as rank
    from {{ scored }}
    qualify rank <= {{ n }}
{%- endmacro %}
