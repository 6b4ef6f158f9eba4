{#-
    The body of a source that scores items alike for many users: the best `k` available items that
    each user has not met, of a relation with (fold, item_key, score) and, where `audience` is
    given, that column of user_features, so that each audience has its own list.

    For models that are made by fold, in blocks of users. Only as many items are looked at as a
    user can have met, and k more: what is longer than that cannot be reached.
-#}
{% macro top_unseen(source, scored_items, k, audience=none) -%}
    select
        listed.fold,
        cast('{{ source }}' as varchar) as source,
        listed.user_key,
        listed.item_key,
        listed.score,
        cast(
            row_number() over (
                partition by listed.fold, listed.user_key order by listed.place
            ) as integer
        ) as rank
    from (
        select
            readers.fold,
            readers.user_key,
            places.item_key,
            places.score,
            places.place
        from (
            select
                fold_users.fold,
                fold_users.user_key,
                {{ 'user_features.' ~ audience if audience else "'all'" }} as audience,
                coalesce(met.n_items, 0) as n_items_met
            from (
                select * from {{ ref('fold_users') }}
                where {{ in_current_fold() }} and {{ in_current_users() }}
            ) as fold_users
            inner join {{ ref('user_features') }} as user_features
                on
                    fold_users.fold = user_features.fold
                    and fold_users.user_key = user_features.user_key
            left join (
                select fold, user_key, count(*) as n_items
                from {{ ref('user_items') }}
                where {{ in_current_fold() }} and {{ in_current_users() }}
                group by fold, user_key
            ) as met
                on fold_users.fold = met.fold and fold_users.user_key = met.user_key
        ) as readers
        inner join (
            select
                fold,
                {{ audience if audience else "'all'" }} as audience,
                item_key,
                score,
                row_number() over (
                    partition by fold {{- ', ' ~ audience if audience }}
                    order by score desc, item_key
                ) as place
            from {{ scored_items }}
        ) as places
            on
                readers.fold = places.fold
                and readers.audience = places.audience
                and places.place <= readers.n_items_met + {{ k }}
    ) as listed
    anti join (
        select * from {{ ref('user_items') }}
        where {{ in_current_fold() }} and {{ in_current_users() }}
    ) as user_items
        using (fold, user_key, item_key)
    qualify rank <= {{ k }}
{%- endmacro %}
