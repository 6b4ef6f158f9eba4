{#-
    The experiment that is replayed: its control and treatment, each a list of the fold holdout, and how
    many items a visit shows, at most k and no more than either list has. None: the var
    replayed_experiment is null, the data set has impressions or assignments of its own, no fold
    holdout is cut by time, or one of the lists is not made.
-#}
{% macro replay() -%}
    {%- set its = var('replayed_experiment') -%}
    {%- set own = ['impressions', 'experiment_assignments']
        | select('in', staging_inputs().get(var('datasets').get(var('dataset')), [])) | list -%}
    {%- if its is not mapping or own or 'time' not in active_splits()
        or 'holdout' not in (var('folds') or ['holdout']) -%}
        {%- do return(none) -%}
    {%- endif -%}
    {%- set lists = [its.control, its.treatment] -%}
    {%- for list in lists
        if list != 'final' and list not in active_sources() and list not in var('rankers') -%}
        {%- do return(none) -%}
    {%- endfor -%}
    {%- set lengths = [its.k, var('metric_ks') | max] -%}
    {%- if 'final' in lists -%}
        {%- do lengths.append(var('recommendations_k')) -%}
    {%- endif -%}
    {%- do return({
        'control': its.control,
        'treatment': its.treatment,
        'k': lengths | select('integer') | min,
    }) -%}
{%- endmacro %}
