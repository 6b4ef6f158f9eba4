-- One row per evaluated fold, model, metric, cutoff and kind of segment: how much better the metric
-- is for the segment that it is best for than for the one that it is worst for. Only segments of at
-- least gap_min_users users take part, as small ones are far out by chance. Users of two segments
-- are different people, so the variances of the two means add up; that the segments were picked as
-- best and worst is not in the interval, and makes the gap larger than it is where there are many.

with mean_metrics as (

    select * from {{ ref('mean_metrics') }}

),

segments as (

    select *
    from mean_metrics
    where
        segment_kind <> 'all'
        and metric in {{ in_list(var('gap_metrics')) }}
        and n_users >= {{ var('gap_min_users') }}

),

ends as (

    select
        fold,
        model,
        metric,
        k,
        segment_kind,
        count(*) as n_segments,
        first(segment order by value desc, segment) as best_segment,
        first(segment order by value, segment desc) as worst_segment
    from segments
    group by fold, model, metric, k, segment_kind

),

final as (

    select
        ends.fold,
        ends.model,
        ends.metric,
        ends.k,
        ends.segment_kind,
        ends.best_segment,
        ends.worst_segment,
        ends.n_segments,
        best.value - worst.value as gap,
        sqrt(best.half_width * best.half_width + worst.half_width * worst.half_width)
            as half_width,
        best.n_users + worst.n_users as n_users
    from ends
    inner join segments as best
        on
            ends.fold = best.fold
            and ends.model = best.model
            and ends.metric = best.metric
            and ends.k = best.k
            and ends.segment_kind = best.segment_kind
            and ends.best_segment = best.segment
    inner join segments as worst
        on
            ends.fold = worst.fold
            and ends.model = worst.model
            and ends.metric = worst.metric
            and ends.k = worst.k
            and ends.segment_kind = worst.segment_kind
            and ends.worst_segment = worst.segment
    where ends.n_segments > 1

)

select * from final
