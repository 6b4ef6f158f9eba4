{{ config(enabled=is_staged_by('lastfm_360k')) }}

{{ lastfm_items(source('lastfm_360k', 'plays')) }}
