-- Every audience is given recommendations_k available items, or all where the catalogue has fewer.

with catalogue as (

    select
        items.item_id,
        count(*) over () as n_items
    from {{ ref('fold_items') }} as fold_items
    inner join {{ ref('items') }} as items on fold_items.item_key = items.item_key
    where fold_items.fold = 'live'

),

listed as (

    select
        kind,
        audience,
        item_id
    from {{ ref('cold_start_recommendations') }}

)

select
    listed.kind,
    listed.audience,
    count(*) as n_listed,
    count(catalogue.item_id) as n_available
from listed
left join catalogue on listed.item_id = catalogue.item_id
group by listed.kind, listed.audience
having
    count(catalogue.item_id) <> count(*)
    or count(*) <> least({{ var('recommendations_k') }}, max(catalogue.n_items))
