-- One row per fold and user who is known in it, or is given recommendations: what is known of the
-- user at the cutoff.

with fold_users as (

    select * from {{ ref('fold_users') }}

),

user_items as (

    select * from {{ ref('user_items') }}

),

user_attributes as (

    select * from {{ ref('user_attributes') }}

),

segment_labels as (

    select * from {{ ref('segment_labels') }}

),

-- A user is in a segment when every attribute that makes one is known.
segment_parts as (

    {% for kind in var('segment_attributes') %}
    select
        user_key,
        {{ loop.index }} as place,
        kind,
        attribute
    from user_attributes
    where kind = {{ quoted(kind) }}
    {{ 'union all' if not loop.last }}
    {% else %}
    select
        user_key,
        1 as place,
        kind,
        attribute
    from user_attributes
    where false
    {% endfor %}

),

segments as (

    select
        segment_parts.user_key,
        string_agg(segment_parts.attribute, ' | ' order by segment_parts.place) as segment,
        string_agg(
            coalesce(segment_labels.label, segment_parts.attribute),
            ' ' order by segment_parts.place
        ) as segment_label
    from segment_parts
    left join segment_labels
        on
            segment_parts.kind = segment_labels.kind
            and segment_parts.attribute = segment_labels.attribute
    group by segment_parts.user_key
    having count(*) = {{ var('segment_attributes') | length }}

),

counted as (

    select
        fold,
        user_key,
        cast(sum(n_interactions) as bigint) as n_interactions,
        cast(count_if(is_positive) as bigint) as n_positives,
        max(last_interaction_at) as last_interaction_at
    from user_items
    group by fold, user_key

),

known as (

    select
        fold,
        user_key
    from counted
    union
    select
        fold,
        user_key
    from fold_users

),

final as (

    select
        known.fold,
        known.user_key,
        coalesce(counted.n_interactions, 0) as n_interactions,
        coalesce(counted.n_positives, 0) as n_positives,
        counted.last_interaction_at,
        counted.user_key is null as is_cold,
        case
            when counted.user_key is not null then
                ntile(3) over (
                    partition by known.fold, counted.user_key is null
                    order by counted.n_interactions, known.user_key
                )
        end as activity_tertile,
        segments.segment,
        segments.segment_label
    from known
    left join counted
        on known.fold = counted.fold and known.user_key = counted.user_key
    left join segments on known.user_key = segments.user_key

)

select * from final
