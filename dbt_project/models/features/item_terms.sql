{{ config(enabled='content' in active_sources() or 'embedding' in active_sources()) }}

-- One row per item and term: an attribute, or a word of its title and texts, by TF-IDF (Salton,
-- Buckley 1988), each item a vector of length 1. The same in every fold: like the attributes, how
-- many items share a term is a fact of the catalogue, which no event changes.

with items as (

    select * from {{ ref('items') }}

),

item_attributes as (

    select * from {{ ref('item_attributes') }}

),

catalogue as (

    select count(*) as n_items
    from items

),

texts as (

    select
        item_key,
        'title' as kind,
        {{ words_of('title') }} as words,
        1.0 as weight
    from items
    -- An item without a title has its id for one.
    where title <> item_id
    union all
    select
        item_key,
        kind,
        {{ words_of('attribute') }} as words,
        weight
    from item_attributes
    where kind in {{ in_list(var('content_text_kinds')) }}

),

occurrences as (

    select
        item_key,
        kind,
        unnest(words) as word,
        weight
    from texts
    union all
    select
        item_key,
        kind,
        lower(attribute) as word,
        weight
    from item_attributes
    {%- if var('content_text_kinds') %}
    where kind not in {{ in_list(var('content_text_kinds')) }}
    {%- endif %}

),

frequencies as (

    select
        item_key,
        kind,
        kind || ':' || word as term,
        {{ exact_sum('weight') }} as frequency
    from occurrences
    group by item_key, kind, word

),

counted as (

    select
        item_key,
        kind,
        term,
        frequency,
        count(*) over (partition by term) as n_items
    from frequencies

),

weighted as (

    select
        counted.item_key,
        counted.term,
        {{ case_of('counted.kind', var('content_kind_weights'), '1.0') }}
        * ln(1 + counted.frequency)
        * ln(catalogue.n_items / counted.n_items) as weight
    from counted
    cross join catalogue
    where
        counted.n_items >= {{ var('content_min_df') }}
        and counted.n_items <= {{ var('content_max_df') }} * catalogue.n_items

),

lengths as (

    select
        item_key,
        sqrt({{ exact_sum('weight * weight', 12, 38) }}) as length
    from weighted
    group by item_key

),

final as (

    select
        weighted.item_key,
        weighted.term,
        -- The last bits of a logarithm are a machine's own.
        round(weighted.weight / lengths.length, 9) as weight
    from weighted
    inner join lengths on weighted.item_key = lengths.item_key
    where weighted.weight > 0 and lengths.length > 0

)

select * from final
