{{ config(enabled=is_staged_by('custom') and 'user_relations' in (var('custom') or {})) }}

{{ custom_input('user_relations') }}
