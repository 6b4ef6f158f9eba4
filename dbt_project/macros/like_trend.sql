{#-
    Log of an item's likes in a window over what its share of a longer one would give, one like more
    each.
-#}
{% macro like_trend(n_in_window, n_in_longer) -%}
    ln(
            ({{ n_in_window }} + 1.0)
            / (
                {{ n_in_longer }} * sum({{ n_in_window }}) over (partition by fold)
                / nullif(sum({{ n_in_longer }}) over (partition by fold), 0)
                + 1.0
            )
        )
{%- endmacro %}
