-- One row per cutoff: how much of what each person is shown now was not there in the build before.
-- No rows after the first build. Whoever has no list in one of the two is left out.

{%- set before = from_the_past('recommendations', 'earlier_recommendations') %}

with recommendations as (

    select * from {{ ref('recommendations') }}
    where fold = 'live'

),

earlier as (

    {% if before is none -%}
    select
        user_id,
        item_id,
        rank
    from recommendations
    where false
    {%- else -%}
    select
        user_id,
        item_id,
        rank
    from {{ before }}
    {%- endif %}

),

ks as (

    {% for k in var('metric_ks') | unique if k <= var('recommendations_k') -%}
    select {{ k }} as k
    {{ 'union all' if not loop.last }}
    {% else -%}
    select {{ var('recommendations_k') }} as k
    {%- endfor %}

),

had_a_list as (

    select distinct user_id from earlier

),

-- What share of a list is new.
of_users as (

    select
        ks.k,
        recommendations.user_id,
        count(*) filter (where earlier.item_id is null) / count(*) as churn
    from recommendations
    semi join had_a_list on recommendations.user_id = had_a_list.user_id
    inner join ks on recommendations.rank <= ks.k
    left join earlier
        on
            recommendations.user_id = earlier.user_id
            and recommendations.item_id = earlier.item_id
            and ks.k >= earlier.rank
    group by ks.k, recommendations.user_id

),

means as (

    select
        k,
        count(*) as n_users,
        {{ exact_avg('churn', 12, 38) }} as churn,
        {{ exact_avg('churn * churn', 12, 38) }} as mean_square,
        count(*) filter (where churn = 0) / count(*) as unchanged_share
    from of_users
    group by k

),

with_half_widths as (

    select
        *,
        1.96 * sqrt(greatest(mean_square - churn * churn, 0) / nullif(n_users - 1, 0))
            as half_width
    from means

),

final as (

    select
        k,
        n_users,
        churn,
        churn - half_width as ci_low,
        churn + half_width as ci_high,
        unchanged_share
    from with_half_widths

)

select * from final
