{#- Folder of models/staging → the entities that it has models for. -#}
{% macro staging_inputs() -%}
    {%- do return({
        'custom': (var('custom') or {}) | list,
        'movielens_100k': ['interactions', 'items', 'item_attributes', 'users', 'user_attributes'],
        'movielens_1m': ['interactions', 'items', 'item_attributes', 'users', 'user_attributes'],
        'movielens_10m': ['interactions', 'items', 'item_attributes'],
        'movielens_csv': ['interactions', 'items', 'item_attributes'],
        'lastfm_2k': ['interactions', 'items', 'item_attributes', 'users', 'user_relations'],
        'lastfm_360k': ['interactions', 'items', 'users', 'user_attributes'],
        'lastfm_1k': ['interactions', 'items', 'users', 'user_attributes'],
        'amazon_2023': ['interactions', 'items', 'item_attributes', 'item_relations'],
        'amazon_2023_ratings': ['interactions'],
        'amazon_2018': ['interactions', 'items', 'item_attributes', 'item_relations'],
        'amazon_ratings': ['interactions'],
        'open_bandit': [
            'interactions', 'items', 'item_attributes', 'impressions', 'experiment_assignments',
        ],
        'amazon_grocery': ['interactions', 'items', 'item_attributes', 'item_relations'],
    }) -%}
{%- endmacro %}
