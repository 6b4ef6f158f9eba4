-- One row per item and kind of vector that was made elsewhere, such as of its text or image.

with items as (

    select * from {{ ref('items') }}

),

staged as (

    select * from {{ staged('item_embeddings') }}

),

final as (

    select
        items.item_key,
        coalesce(staged.kind, 'embedding') as kind,
        staged.embedding
    from staged
    inner join items on staged.item_id = items.item_id
    where len(staged.embedding) > 0
    qualify row_number() over (
        partition by items.item_key, staged.kind order by staged.embedding
    ) = 1

)

select * from final
