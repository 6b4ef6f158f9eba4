{#- The staging query of the artists of Last.fm, out of the lines that name them with what was played. -#}
{% macro lastfm_items(lines) -%}
with source as (

    select
        *,
        {{ source_row() }} as source_row
    from {{ lines }}

),

-- An artist has a line for every listen or listener; the first that names them does.
-- A line with too many fields has them in the wrong places.
artists as (

    select
        {{ artist_id('artist_mbid', 'artist_name') }} as item_id,
        arg_min(trim(artist_name), source_row) as title,
        min(source_row) as source_row
    from source
    where coalesce(surplus_1, surplus_2, surplus_3) is null
    group by {{ artist_id('artist_mbid', 'artist_name') }}

),

renamed as (

    select
        ---------- ids
        item_id,

        ---------- text
        title,

        ---------- booleans
        true as is_available,

        ---------- where it stands
        source_row

    from artists
    where item_id is not null

)

select * from renamed
{%- endmacro %}
