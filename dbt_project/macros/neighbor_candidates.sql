{#-
    The body of a source that goes from what a user liked to its neighbours: the best
    `candidates_k` of a relation with (fold, item_key, neighbor_item_key, score), added up over the
    user's last `history` likes (none: all), each weighing `history_decay` of the next newer one.
    `scale`: digits after the point that a score needs.
-#}
{% macro neighbor_candidates(source, neighbors, history, history_decay, scale=12) -%}
with fold_users as (

    select * from {{ ref('fold_users') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

fold_items as (

    select * from {{ ref('fold_items') }}
    where {{ in_current_fold() }}

),

user_items as (

    select * from {{ ref('user_items') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

neighbors as (

    select * from {{ ref(neighbors) }}
    where {{ in_current_fold() }}

),

last_likes as (

    select
        user_items.fold,
        user_items.user_key,
        user_items.item_key,
        power({{ history_decay }}, user_items.recency_rank - 1) as weight
    from user_items
    semi join fold_users using (fold, user_key)
    where
        user_items.is_positive
        {% if history is not none -%}
        and user_items.recency_rank <= {{ history }}
        {%- endif %}

),

scored as (

    select
        last_likes.fold,
        last_likes.user_key,
        neighbors.neighbor_item_key as item_key,
        {{ exact_sum('last_likes.weight * neighbors.score', scale) }} as score
    from last_likes
    inner join neighbors
        on
            last_likes.fold = neighbors.fold
            and last_likes.item_key = neighbors.item_key
    group by all

),

final as (

    select
        scored.fold,
        cast('{{ source }}' as varchar) as source,
        scored.user_key,
        scored.item_key,
        scored.score,
        cast(
            row_number() over (
                partition by scored.fold, scored.user_key
                order by scored.score desc, scored.item_key
            ) as integer
        ) as rank
    from scored
    semi join fold_items using (fold, item_key)
    anti join user_items using (fold, user_key, item_key)
    qualify rank <= {{ sized('candidates_k') }}

)

select * from final
{%- endmacro %}
