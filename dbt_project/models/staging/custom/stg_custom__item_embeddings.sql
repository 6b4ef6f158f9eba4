{{ config(enabled=is_staged_by('custom') and 'item_embeddings' in (var('custom') or {})) }}

{{ custom_input('item_embeddings') }}
