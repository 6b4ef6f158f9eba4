{{ config(enabled=is_staged_by('custom') and 'item_relations' in (var('custom') or {})) }}

{{ custom_input('item_relations') }}
