{{ config(enabled=is_staged_by('custom') and 'impressions' in (var('custom') or {})) }}

{{ custom_input('impressions') }}
