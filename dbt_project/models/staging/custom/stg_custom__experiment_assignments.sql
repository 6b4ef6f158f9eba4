{{ config(enabled=is_staged_by('custom') and 'experiment_assignments' in (var('custom') or {})) }}

{{ custom_input('experiment_assignments') }}
