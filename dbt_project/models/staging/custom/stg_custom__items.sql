{{ config(enabled=is_staged_by('custom') and 'items' in (var('custom') or {})) }}

{{ custom_input('items') }}
