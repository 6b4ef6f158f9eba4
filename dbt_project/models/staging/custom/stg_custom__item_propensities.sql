{{ config(enabled=is_staged_by('custom') and 'item_propensities' in (var('custom') or {})) }}

{{ custom_input('item_propensities') }}
