{{ config(enabled=is_staged_by('custom') and 'interactions' in (var('custom') or {})) }}

{{ custom_input('interactions') }}
