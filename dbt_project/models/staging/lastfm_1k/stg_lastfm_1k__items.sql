{{ config(enabled=is_staged_by('lastfm_1k')) }}

{{ lastfm_items(source('lastfm_1k', 'listens')) }}
