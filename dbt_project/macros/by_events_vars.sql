{#- The vars that by_events may change: those that are read through `sized`, or by Python models. -#}
{% macro by_events_vars() -%}
    {%- do return([
        'candidates_k', 'ranked_k', 'max_candidate_users', 'max_live_users',
        'cooccurrence_window', 'cooccurrence_neighbors', 'cooccurrence_history',
        'transitions_neighbors',
        'rp3beta_max_history', 'rp3beta_neighbors', 'content_profile_terms', 'content_term_items',
        'ease_max_items', 'als_iterations', 'als_max_users', 'two_tower_epochs',
        'two_tower_max_users', 'exploration_items',
    ]) -%}
{%- endmacro %}
