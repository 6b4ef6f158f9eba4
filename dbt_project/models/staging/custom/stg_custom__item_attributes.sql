{{ config(enabled=is_staged_by('custom') and 'item_attributes' in (var('custom') or {})) }}

{{ custom_input('item_attributes') }}
