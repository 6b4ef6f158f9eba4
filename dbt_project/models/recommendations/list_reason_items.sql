{{ config(materialized='by_fold', in_blocks_of_users=true) }}

-- One row per fold, user and item served that a source ties to one of the user's last likes: of the
-- sources that put it high and know a tie, the one that ranks it best, and the like that a reason
-- names. How much a like contributes is measured as the source itself does: by neighbours, terms or
-- vectors, and by how much it heeds older likes.
--
-- By the strongest tie alone it would be the user's best known like, over and over. So among likes
-- that are nearly as strong, one counts less the more of the list it could speak for.

{#- source → its relation of neighbours. EASE's own weights are no table; it learns them from the
    same pairs as co-occurrence. RP3beta's measure is a share of a walk, largest from what hardly
    anybody likes, so that it convinces nobody: co-occurrence says it better. -#}
{%- set neighbors = dict({
    'cooccurrence': 'item_neighbors', 'ease': 'item_neighbors',
    'transitions': 'item_transitions', 'rp3beta': 'item_neighbors',
}.items() | selectattr(0, 'in', ['cooccurrence', 'ease'] + active_sources())) %}
{#- source → the last likes that it reads, and how much less it heeds each older one. -#}
{%- set histories = {
    'cooccurrence': [sized('cooccurrence_history'), var('cooccurrence_history_decay')],
    'transitions': [var('transitions_history'), var('transitions_history_decay')],
    'content': [var('content_history'), var('content_history_decay')],
    'rp3beta': [var('reason_history'), var('rp3beta_history_decay')],
} %}
{%- set tying = ['content'] + neighbors | list + vector_sources() %}

with list_sources as (

    select * from {{ ref('list_sources') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

user_items as (

    select * from {{ ref('user_items') }}
    where {{ in_current_fold() }} and {{ in_current_users() }}

),

{% for relation in neighbors.values() | unique -%}
{{ relation }} as (

    select * from {{ ref(relation) }}
    where {{ in_current_fold() }}

),

{% endfor -%}
{% if 'content' in active_sources() -%}
item_terms as (

    select * from {{ ref('item_terms') }}

),

{% endif -%}
{% if vector_sources() -%}
item_directions as (

    select * from {{ ref('item_directions') }}
    where {{ in_current_fold() }}

),

{% endif -%}
last_likes as (

    select
        fold,
        user_key,
        item_key,
        recency_rank
    from user_items
    where is_positive and recency_rank <= {{ var('reason_history') }}

),

-- Who speaks first; the next one is heard only where the one before knows of no tie.
speakers as (

    select
        fold,
        user_key,
        item_key,
        source,
        row_number() over (partition by fold, user_key, item_key order by rank, source) as turn
    from list_sources
    where
        rank <= {{ var('reason_max_rank') }}
        and source in {{ in_list(tying) }}
    qualify turn <= {{ var('reason_sources') }}

),

pairs as (

    select
        speakers.fold,
        speakers.user_key,
        speakers.item_key,
        speakers.source,
        speakers.turn,
        last_likes.item_key as reason_item_key,
        last_likes.recency_rank,
        power(
            {{ case_of('speakers.source', histories, '1.0', position=1) | indent(12) }},
            last_likes.recency_rank - 1
        ) as weight
    from speakers
    inner join last_likes
        on speakers.fold = last_likes.fold and speakers.user_key = last_likes.user_key
    where
        last_likes.recency_rank <= {{ case_of(
            'speakers.source', histories, var('reason_history'), position=0
        ) | indent(8) }}

),

{% if 'content' in active_sources() -%}
content_pairs as (

    select distinct
        item_key,
        reason_item_key
    from pairs
    where source = 'content'

),

content_similarities as (

    select
        content_pairs.item_key,
        content_pairs.reason_item_key,
        {{ exact_sum('own.weight * liked.weight', 12) }} as similarity
    from content_pairs
    inner join item_terms as own on content_pairs.item_key = own.item_key
    inner join item_terms as liked
        on content_pairs.reason_item_key = liked.item_key and own.term = liked.term
    group by content_pairs.item_key, content_pairs.reason_item_key

),

{% endif -%}
{% if vector_sources() -%}
vector_pairs as (

    select distinct
        fold,
        source,
        item_key,
        reason_item_key
    from pairs
    where source in {{ in_list(vector_sources()) }}

),

vector_similarities as (

    select
        vector_pairs.fold,
        vector_pairs.source,
        vector_pairs.item_key,
        vector_pairs.reason_item_key,
        {{ cosine('own.vector', 'liked.vector') }} as similarity
    from vector_pairs
    inner join item_directions as own
        on
            vector_pairs.fold = own.fold
            and vector_pairs.source = own.source
            and vector_pairs.item_key = own.item_key
    inner join item_directions as liked
        on
            vector_pairs.fold = liked.fold
            and vector_pairs.source = liked.source
            and vector_pairs.reason_item_key = liked.item_key

),

{% endif -%}
tied as (

    {% for source, relation in neighbors.items() -%}
    select
        pairs.*,
        pairs.weight * {{ relation }}.score as tie
    from pairs
    inner join {{ relation }}
        on
            pairs.fold = {{ relation }}.fold
            and pairs.reason_item_key = {{ relation }}.item_key
            and pairs.item_key = {{ relation }}.neighbor_item_key
    where pairs.source = '{{ source }}' and {{ relation }}.score > 0
    {{ 'union all' if not loop.last }}
    {% endfor -%}
    {% if 'content' in active_sources() -%}
    union all
    select
        pairs.*,
        pairs.weight * content_similarities.similarity as tie
    from pairs
    inner join content_similarities using (item_key, reason_item_key)
    where
        pairs.source = 'content'
        and content_similarities.similarity >= {{ var('reason_min_similarity') }}
    {% endif -%}
    {% if vector_sources() -%}
    union all
    select
        pairs.*,
        pairs.weight * vector_similarities.similarity as tie
    from pairs
    inner join vector_similarities using (fold, source, item_key, reason_item_key)
    where vector_similarities.similarity >= {{ var('reason_min_similarity') }}
    {%- endif %}

),

first_turns as (

    select
        fold,
        user_key,
        item_key,
        min(turn) as turn
    from tied
    group by fold, user_key, item_key

),

of_the_best_source as (

    select tied.*
    from tied
    semi join first_turns using (fold, user_key, item_key, turn)

),

-- Sources measure in units of their own: a tie is set against the strongest on the user's list.
near as (

    select
        *,
        tie / max(tie) over (partition by fold, user_key, source) as strength
    from of_the_best_source
    qualify
        tie >= {{ var('reason_min_strength') }} * max(tie) over (
            partition by fold, user_key, item_key
        )

),

places as (

    select
        *,
        row_number() over (
            partition by fold, user_key, reason_item_key order by strength desc, item_key
        ) as place
    from near

),

final as (

    select
        fold,
        user_key,
        item_key,
        source,
        reason_item_key
    from places
    qualify row_number() over (
        partition by fold, user_key, item_key
        order by strength / place desc, recency_rank
    ) = 1

)

select * from final
