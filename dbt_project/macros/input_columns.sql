{#-
    What staging hands to the inputs: the columns of an entity and their types, or of all entities. A data set that
    has no such entity gives none of them, a custom one may leave out all but the ids.
-#}
{% macro input_columns(entity=none) -%}
    {%- set entities = {
        'interactions': {
            'user_id': 'varchar',
            'item_id': 'varchar',
            'event_id': 'varchar',
            'event_type': 'varchar',
            'split': 'varchar',
            'value_text': 'varchar',
            'occurred_at_text': 'varchar',
            'surplus_text': 'varchar',
            'attributes': 'json',
            'value': 'double',
            'occurred_at': 'timestamp',
            'loaded_at': 'timestamp',
            'source_file': 'varchar',
            'source_row': 'bigint',
        },
        'items': {
            'item_id': 'varchar',
            'title': 'varchar',
            'extra': 'json',
            'is_available': 'boolean',
            'available_from': 'timestamp',
            'source_row': 'bigint',
        },
        'item_attributes': {
            'item_id': 'varchar',
            'kind': 'varchar',
            'attribute': 'varchar',
            'weight': 'double',
        },
        'item_embeddings': {'item_id': 'varchar', 'kind': 'varchar', 'embedding': 'float[]'},
        'item_propensities': {'item_id': 'varchar', 'propensity': 'double'},
        'item_relations': {
            'item_id': 'varchar', 'related_item_id': 'varchar', 'kind': 'varchar',
        },
        'users': {'user_id': 'varchar', 'signed_up_at': 'timestamp'},
        'user_attributes': {'user_id': 'varchar', 'kind': 'varchar', 'attribute': 'varchar'},
        'user_relations': {
            'user_id': 'varchar', 'related_user_id': 'varchar', 'kind': 'varchar',
        },
        'impressions': {
            'user_id': 'varchar',
            'item_id': 'varchar',
            'placement': 'varchar',
            'policy': 'varchar',
            'position': 'integer',
            'propensity': 'double',
            'dwell_seconds': 'double',
            'clicked': 'boolean',
            'shown_at': 'timestamp',
        },
        'experiment_assignments': {
            'user_id': 'varchar',
            'experiment': 'varchar',
            'variant': 'varchar',
            'assigned_at': 'timestamp',
        },
        'candidate_policies': {
            'policy': 'varchar',
            'user_id': 'varchar',
            'item_id': 'varchar',
            'placement': 'varchar',
            'position': 'integer',
            'probability': 'double',
        },
        'survey_answers': {
            'user_id': 'varchar',
            'kind': 'varchar',
            'answer': 'varchar',
            'weight': 'double',
            'is_liked': 'boolean',
            'answered_at': 'timestamp',
        },
    } -%}
    {%- do return(entities[entity] if entity else entities) -%}
{%- endmacro %}
