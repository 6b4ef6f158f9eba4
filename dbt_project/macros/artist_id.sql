{#-
    The id of an artist of Last.fm: the MusicBrainz id where there is one, else the name, which
    stands for itself whatever its case. Null with neither.
-#}
{% macro artist_id(musicbrainz_id, name) -%}
    coalesce(
        nullif(trim({{ musicbrainz_id }}), ''), 'name:' || nullif(lower(trim({{ name }})), '')
    )
{%- endmacro %}
