{{ config(enabled=is_staged_by('custom') and 'candidate_policies' in (var('custom') or {})) }}

{{ custom_input('candidate_policies') }}
