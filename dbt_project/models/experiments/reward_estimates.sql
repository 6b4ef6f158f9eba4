-- One row per placement, logging policy, part, position and item: how often the item is clicked
-- there, as far as the other parts of the log tell. Clicks of few impressions are drawn towards
-- those of the position, by as much as off_policy_shrinkage impressions.

with logged_actions as (

    select * from {{ ref('logged_actions') }}

),

counted as (

    select
        placement,
        logging_policy,
        position,
        item_key,
        part,
        count(*) as n,
        sum(cast(reward as bigint)) as n_clicks
    from logged_actions
    group by placement, logging_policy, position, item_key, part

),

of_items as (

    select
        placement,
        logging_policy,
        position,
        item_key,
        sum(n) as n,
        sum(n_clicks) as n_clicks
    from counted
    group by placement, logging_policy, position, item_key

),

parts as (

    select unnest(range({{ var('off_policy_parts') }})) as part

),

others as (

    select
        of_items.placement,
        of_items.logging_policy,
        of_items.position,
        of_items.item_key,
        cast(parts.part as integer) as part,
        of_items.n - coalesce(counted.n, 0) as n,
        of_items.n_clicks - coalesce(counted.n_clicks, 0) as n_clicks
    from of_items
    cross join parts
    left join counted
        on
            of_items.placement = counted.placement
            and of_items.logging_policy = counted.logging_policy
            and of_items.position = counted.position
            and of_items.item_key = counted.item_key
            and parts.part = counted.part

),

final as (

    select
        placement,
        logging_policy,
        position,
        item_key,
        part,
        (n_clicks + {{ var('off_policy_shrinkage') }} * rate)
        / (n + {{ var('off_policy_shrinkage') }}) as reward
    from (
        select
            *,
            coalesce(
                sum(n_clicks) over position / nullif(sum(n) over position, 0), 0.0
            ) as rate
        from others
        window position as (partition by placement, logging_policy, position, part)
    ) as with_rates

)

select * from final
