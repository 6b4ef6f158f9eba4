{{ config(enabled=is_staged_by('custom') and 'user_attributes' in (var('custom') or {})) }}

{{ custom_input('user_attributes') }}
