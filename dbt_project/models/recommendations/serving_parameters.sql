{{ config(materialized='view') }}

-- One row per parameter: the vars of this build that the online service goes by, so that it ranks
-- as the build did, whatever the vars say by then. Of a build that was refused there are none.
-- depends_on: {{ ref('rule_problems') }}

{%- set by_split = var('blend_weights_by_split') %}
{%- set parameters = {
    'has_event_times': has_event_times(),
    'event_log': var('event_log'),
    'segment_attributes': var('segment_attributes'),
    'event_weights': var('event_weights'),
    'value_ranges': var('value_ranges'),
    'positive_thresholds': var('positive_thresholds'),
    'sources': active_sources(),
    'vector_sources': vector_sources(),
    'candidates_k': sized('candidates_k'),
    'histories': {
        'content': [var('content_history'), var('content_history_decay')],
        'embedding': [var('content_history'), var('content_history_decay')],
        'cooccurrence': [sized('cooccurrence_history'), var('cooccurrence_history_decay')],
        'transitions': [var('transitions_history'), var('transitions_history_decay')],
        'rp3beta': [none, var('rp3beta_history_decay')],
    },
    'content_text_kinds': var('content_text_kinds'),
    'als_alpha': var('als_alpha'),
    'als_regularization': var('als_regularization'),
    'survey_content_power': var('survey_content_power'),
    'survey_neighbor_weight': var('survey_neighbor_weight'),
    'rrf_k': var('rrf_k'),
    'blend_weights': by_split.get(active_splits()[0], var('blend_weights')),
    'ranked_k': sized('ranked_k'),
    'ranker_history': var('ranker_history'),
    'ranker_taste_history': var('ranker_taste_history'),
    'recommendations_k': var('recommendations_k'),
    'rerank_k': var('rerank_k'),
    'freshness_boost': var('freshness_boost'),
    'freshness_half_life_days': var('freshness_half_life_days'),
    'dedupe_attribute': var('dedupe_attribute'),
    'diversity_lambda': var('diversity_lambda'),
    'max_per_attribute': var('max_per_attribute'),
    'sponsored_slots': var('sponsored_slots') | sort,
    'exploration_places': exploration_places(),
    'reason_history': var('reason_history'),
} %}

with final as (

    {% for name, value in parameters.items() -%}
    select
        '{{ name }}' as name,
        {{ quoted(tojson(value)) }} as value
    union all
    {% endfor -%}
    -- Events from then on were refused as future.
    select
        'events_until' as name,
        cast(epoch({{ as_of() }}) as varchar) as value

)

select * from final
