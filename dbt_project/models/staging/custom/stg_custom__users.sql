{{ config(enabled=is_staged_by('custom') and 'users' in (var('custom') or {})) }}

{{ custom_input('users') }}
