{{ config(enabled=is_staged_by('custom') and 'survey_answers' in (var('custom') or {})) }}

{{ custom_input('survey_answers') }}
