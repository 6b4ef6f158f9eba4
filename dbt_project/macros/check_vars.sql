{#-
    Refuses vars that are unknown, out of range or at odds with each other: all of them in one
    message, before anything runs. The rules for one var alone are tables, the rest is spelt out.
-#}
{% macro check_vars() -%}
    {%- set known_sources = all_sources() -%}
    {%- set choices = {
        'dataset': var('datasets') | list,
        'candidate_users': ['test', 'warm', 'all'],
        'cooccurrence_normalization': ['cosine', 'lift'],
        'ann_index': ['hnsw', 'ivf'],
        'two_tower_encoder': ['mean', 'attention'],
        'two_tower_learn_temperature': [true, false],
        'two_tower_warm_start': [true, false],
        'lightgbm_monotone': [true, false],
        'backtest': [true, false],
        'refit': ['nightly', 'weekly'],
        'comparison_correction': ['holm', 'bonferroni', 'fdr_bh'],
        'served_ranker': [none] + (var('rankers') | list),
    } -%}
    {%- set lists_of_choices = {
        'splits': ['time', 'leave_one_out', 'random', 'predefined'],
        'sources': known_sources,
        'rankers': ['blend', 'lightgbm', 'dlrm'],
        'comparison_metrics': user_metric_names(),
        'off_policy_targets': ['logged', 'final'],
        'gap_metrics': [
            'recall', 'recall_capped', 'precision', 'hit_rate', 'ndcg', 'map', 'mrr', 'recall_ips',
            'ndcg_ips',
        ],
    } -%}
    {%- set positive_integers = [
        'max_id_length', 'cooccurrence_window', 'cooccurrence_neighbors', 'cooccurrence_history',
        'content_min_df', 'content_history', 'content_profile_terms', 'content_term_items',
        'content_dimensions', 'transitions_window', 'transitions_neighbors',
        'transitions_history', 'rp3beta_neighbors', 'rp3beta_max_history', 'ease_max_items',
        'als_factors', 'als_iterations', 'als_warm_iterations', 'svd_factors', 'two_tower_dimensions',
        'two_tower_hidden', 'two_tower_history', 'two_tower_blocks', 'two_tower_heads',
        'two_tower_batch_size', 'two_tower_uniform_negatives', 'two_tower_epochs',
        'two_tower_warm_epochs', 'hnsw_m', 'hnsw_ef_construction', 'hnsw_ef_search', 'ivf_probes',
        'candidates_k', 'users_per_block', 'pairs_per_block', 'ranked_k',
        'ranker_ndcg_k', 'ranker_max_users', 'ranker_min_users', 'ranker_held_out_parts',
        'ranker_history', 'ranker_taste_history', 'newcomer_likes', 'lightgbm_num_leaves',
        'lightgbm_max_trees', 'lightgbm_early_stopping_rounds', 'lightgbm_min_data_in_leaf',
        'lightgbm_truncation_level', 'dlrm_embedding_dimensions', 'dlrm_batch_groups',
        'dlrm_epochs', 'recommendations_k', 'similar_items_k', 'rerank_k',
        'reason_max_rank', 'reason_history', 'reason_sources', 'reason_top_items',
        'exploration_items', 'jackknife_groups', 'ann_recall_k', 'ann_recall_users',
        'survey_attribute_items', 'cold_start_min_items', 'gap_min_users', 'experiment_pre_days',
        'experiment_planned_users', 'experiment_plan_days', 'off_policy_parts',
    ] -%}
    {%- set whole_numbers_or_0 = ['earlier_folds', 'exploration_every', 'exploration_max_users'] -%}
    {#- var → lowest, highest (none: no bound), whether the lowest itself is allowed, null allowed -#}
    {%- set numbers = {
        'genome_min_relevance': [0, 1, true, false],
        'rejected_share_limit': [0, 1, true, false],
        'freshness_warn_after_days': [0, none, false, true],
        'bm25_k1': [0, none, true, false],
        'bm25_b': [0, 1, true, false],
        'random_validation_share': [0, 1, true, false],
        'random_test_share': [0, 1, true, false],
        'random_split_seed': [0, none, true, false],
        'max_candidate_users': [0, none, false, true],
        'max_live_users': [0, none, false, true],
        'als_max_users': [0, none, false, true],
        'two_tower_max_users': [0, none, false, true],
        'trending_half_life_days': [0, none, false, false],
        'segment_shrinkage': [0, none, true, false],
        'content_max_df': [0, 1, false, false],
        'survey_content_power': [0, none, true, false],
        'survey_neighbor_weight': [0, none, true, false],
        'survey_prior_likes': [0, none, false, false],
        'survey_until_likes': [0, none, false, true],
        'content_history_decay': [0, 1, false, false],
        'content_random_state': [0, none, true, false],
        'cooccurrence_half_life_days': [0, none, false, true],
        'cooccurrence_shrinkage': [0, none, true, false],
        'cooccurrence_history_decay': [0, 1, false, false],
        'transitions_beta': [0, 1, true, false],
        'transitions_source_beta': [0, 1, true, false],
        'transitions_history_decay': [0, 1, false, false],
        'rp3beta_alpha': [0, none, false, false],
        'rp3beta_beta': [0, 1, true, false],
        'rp3beta_history_decay': [0, 1, false, false],
        'ease_regularization': [0, none, false, false],
        'value_shrinkage': [0, none, false, false],
        'ranker_negatives': [1, none, true, true],
        'lightgbm_learning_rate': [0, none, false, false],
        'lightgbm_feature_fraction': [0, 1, false, false],
        'lightgbm_lambda_l2': [0, none, true, false],
        'lightgbm_random_state': [0, none, true, false],
        'dlrm_dropout': [0, 1, true, false],
        'dlrm_learning_rate': [0, none, false, false],
        'dlrm_weight_decay': [0, none, true, false],
        'dlrm_patience': [0, none, true, false],
        'dlrm_random_state': [0, none, true, false],
        'als_regularization': [0, none, true, false],
        'als_alpha': [0, none, false, false],
        'als_random_state': [0, none, true, false],
        'svd_damping': [0, 1, true, false],
        'svd_random_state': [0, none, true, false],
        'two_tower_dropout': [0, 0.99, true, false],
        'two_tower_cold_share': [0, 0.99, true, false],
        'two_tower_temperature': [0, none, false, false],
        'two_tower_batch_negatives': [0, none, true, false],
        'two_tower_learning_rate': [0, none, false, false],
        'two_tower_weight_decay': [0, none, true, false],
        'two_tower_patience': [0, none, true, false],
        'two_tower_validation_users': [0, none, true, false],
        'two_tower_random_state': [0, none, true, false],
        'ann_exact_up_to': [0, none, true, false],
        'rrf_k': [0, none, true, false],
        'bandit_half_life_days': [0, none, false, true],
        'bandit_prior_successes': [0, none, false, false],
        'freshness_boost': [0, none, true, false],
        'freshness_half_life_days': [0, none, false, false],
        'diversity_lambda': [0, 1, true, false],
        'reason_min_strength': [0, 1, true, false],
        'propensity_power': [0, none, true, false],
        'min_propensity': [0, 1, false, false],
        'off_policy_max_weight': [0, none, false, true],
        'off_policy_shrinkage': [0, none, false, false],
        'calibration_alpha': [0, 1, false, false],
        'new_item_days': [0, none, true, false],
        'reason_min_similarity': [0, 1, false, false],
    } -%}
    {%- set spelt_out = [
        'data_dir', 'datasets', 'amazon_category', 'event_log', 'value_ranges', 'as_of', 'not_before',
        'event_weights', 'positive_thresholds', 'event_aggregations', 'weight_transforms',
        'custom', 'attach', 'by_events', 'folds', 'tune_cutoff', 'holdout_cutoff', 'segment_attributes',
        'metric_segments', 'metric_ks', 'candidate_recall_ks', 'content_text_kinds',
        'content_kind_weights', 'content_encoder', 'embedding_kind', 'blend_weights',
        'blend_weights_by_split', 'dedupe_attribute', 'max_per_attribute', 'sponsored_slots',
        'cold_start_kinds', 'warm_up_bins', 'exposure_kinds', 'comparison_ks',
        'quality_gates', 'experiments', 'replayed_experiment', 'retention_days', 'revenue_event_types',
    ] -%}
    {%- set problems = [] -%}

    {%- set known = (
        choices | list + lists_of_choices | list + positive_integers + whole_numbers_or_0
        + numbers | list + spelt_out
    ) -%}
    {#- As a package, foryou does not know what else the command line may be meant for. -#}
    {%- for name in invocation_args_dict.get('vars') or {}
        if name not in known and project_name == 'foryou' -%}
        {%- do problems.append(name ~ ': there is no such var; dbt_project.yml lists them all') -%}
    {%- endfor -%}

    {%- for name, allowed in choices.items() if var(name) not in allowed -%}
        {%- do problems.append(
            name ~ ': "' ~ var(name) ~ '" is unknown; choose one of ' ~ allowed | join(', ')
        ) -%}
    {%- endfor -%}
    {%- for name, allowed in lists_of_choices.items() -%}
        {%- if var(name) is string or var(name) is not iterable -%}
            {%- do problems.append(name ~ ': must be a list, is ' ~ var(name)) -%}
        {%- else -%}
            {%- if not var(name) -%}
                {%- do problems.append(name ~ ': must name at least one of ' ~ allowed | join(', ')) -%}
            {%- endif -%}
            {%- for value in var(name) if value not in allowed -%}
                {%- do problems.append(
                    name ~ ': "' ~ value ~ '" does not exist; choose from ' ~ allowed | join(', ')
                ) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}

    {%- set whole = [] -%}
    {%- for name in positive_integers + whole_numbers_or_0 -%}
        {%- set lowest = 1 if name in positive_integers else 0 -%}
        {%- if var(name) is integer and var(name) is not boolean and var(name) >= lowest -%}
            {%- do whole.append(name) -%}
        {%- else -%}
            {%- do problems.append(
                name ~ ': must be a whole number ' ~ ('above 0' if lowest else 'from 0') ~ ', is '
                ~ var(name)
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for name, (lowest, highest, with_lowest, with_null) in numbers.items()
        if not (var(name) is none and with_null) -%}
        {%- if var(name) is not number or var(name) is boolean -%}
            {%- do problems.append(name ~ ': must be a number, is ' ~ var(name)) -%}
        {%- elif var(name) < lowest or (var(name) == lowest and not with_lowest)
            or (highest is not none and var(name) > highest) -%}
            {%- do problems.append(
                name ~ ': must be ' ~ ('at least ' if with_lowest else 'above ') ~ lowest
                ~ (' and at most ' ~ highest if highest is not none else '') ~ ', is ' ~ var(name)
            ) -%}
        {%- endif -%}
    {%- endfor -%}

    {%- for name in ['value_ranges', 'event_weights', 'positive_thresholds', 'event_aggregations',
                     'weight_transforms', 'content_kind_weights', 'blend_weights',
                     'blend_weights_by_split', 'max_per_attribute']
        if var(name) is not mapping -%}
        {%- do problems.append(name ~ ': must be a mapping, is ' ~ var(name)) -%}
    {%- endfor -%}
    {%- if var('value_ranges') is mapping -%}
        {%- for event_type, range in var('value_ranges').items()
            if range is string or range is not iterable or range | length != 2
            or range[0] is not number or range[1] is not number or range[0] > range[1] -%}
            {%- do problems.append(
                'value_ranges: ' ~ event_type ~ ' needs [lowest, highest], is ' ~ range
            ) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if var('event_weights') is mapping -%}
        {%- for event_type, weight in var('event_weights').items()
            if weight is not number -%}
            {%- do problems.append(
                'event_weights: ' ~ event_type ~ ' must be a number, is ' ~ weight
            ) -%}
        {%- endfor -%}
        {%- if not var('event_weights').values() | select('number') | select('>', 0) | list -%}
            {%- do problems.append('event_weights: no event type weighs more than 0, so nothing is a like') -%}
        {%- endif -%}
    {%- endif -%}
    {%- if var('positive_thresholds') is mapping -%}
        {%- for event_type, threshold in var('positive_thresholds').items()
            if threshold is not number -%}
            {%- do problems.append(
                'positive_thresholds: ' ~ event_type ~ ' must be a number, is ' ~ threshold
            ) -%}
        {%- endfor -%}
    {%- endif -%}

    {%- for name, allowed in {
        'event_aggregations': ['last', 'sum', 'max', 'count'],
        'weight_transforms': ['none', 'value', 'log', 'bm25'],
    }.items() if var(name) is mapping -%}
        {%- for event_type, choice in var(name).items() if choice not in allowed -%}
            {%- do problems.append(
                name ~ ': ' ~ event_type ~ ' is "' ~ choice ~ '"; choose one of '
                ~ allowed | join(', ')
            ) -%}
        {%- endfor -%}
    {%- endfor -%}

    {%- if var('content_kind_weights') is mapping -%}
        {%- for kind, weight in var('content_kind_weights').items()
            if weight is not number or weight < 0 -%}
            {%- do problems.append(
                'content_kind_weights: ' ~ kind ~ ' must be a number of at least 0, is ' ~ weight
            ) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- for name in ['content_encoder', 'embedding_kind', 'dedupe_attribute']
        if var(name) is not none and var(name) is not string -%}
        {%- do problems.append(name ~ ': must be a text or null, is ' ~ var(name)) -%}
    {%- endfor -%}

    {#- What a build of many events does more cheaply. -#}
    {%- if var('by_events') is not mapping -%}
        {%- do problems.append('by_events: must be var → {events: value}, is ' ~ var('by_events')) -%}
    {%- else -%}
        {%- for name, values in var('by_events').items() -%}
            {%- if name not in by_events_vars() -%}
                {%- do problems.append(
                    'by_events: ' ~ name ~ ' is no var that size may change; those are '
                    ~ by_events_vars() | join(', ')
                ) -%}
            {%- elif values is not mapping or values | reject('integer') | list
                or values | list | sort | first != 0 -%}
                {%- do problems.append(
                    'by_events: ' ~ name ~ ' must be {0: its default, events: value, …}, is ' ~ values
                ) -%}
            {%- else -%}
                {%- for value in values.values() if value is boolean
                    or not (value is integer and value >= 1 or value is none and values[0] is none) -%}
                    {%- do problems.append(
                        'by_events: ' ~ name ~ ' must have whole numbers above 0, has ' ~ value
                    ) -%}
                {%- endfor -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {#- Times: t1 before t2, each of them readable. -#}
    {%- set cutoffs = [] -%}
    {%- for name in ['tune_cutoff', 'holdout_cutoff'] -%}
        {%- set cutoff = var(name) -%}
        {%- if cutoff is number and 0 < cutoff < 1 -%}
            {%- do cutoffs.append(cutoff) -%}
        {%- elif cutoff is not number and is_timestamp(cutoff) -%}
            {%- do cutoffs.append(modules.datetime.datetime.fromisoformat(cutoff | string)) -%}
        {%- else -%}
            {%- do problems.append(
                name ~ ': must be a share between 0 and 1 or a time like "1998-03-08", is ' ~ cutoff
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if cutoffs | length == 2 and (cutoffs[0] is number) == (cutoffs[1] is number)
        and cutoffs[0] >= cutoffs[1] -%}
        {%- do problems.append(
            'tune_cutoff (t1): ' ~ var('tune_cutoff') ~ ' must be earlier than holdout_cutoff (t2): '
            ~ var('holdout_cutoff')
        ) -%}
    {%- elif cutoffs | length == 2 and 'time' in active_splits() and 'earlier_folds' in whole
        and var('earlier_folds') -%}
        {%- if (cutoffs[0] is number) != (cutoffs[1] is number) -%}
            {%- do problems.append(
                'earlier_folds: needs tune_cutoff and holdout_cutoff to be both shares or both times, '
                ~ 'to tell how far apart folds are'
            ) -%}
        {%- elif cutoffs[0] is number
            and (cutoffs[0] - var('earlier_folds') * (cutoffs[1] - cutoffs[0])) | round(9) <= 0 -%}
            {%- do problems.append(
                'earlier_folds: ' ~ var('earlier_folds') ~ ' folds as far apart as tune_cutoff and '
                ~ 'holdout_cutoff (' ~ (cutoffs[1] - cutoffs[0]) | round(9)
                ~ ') would begin before the first event'
            ) -%}
        {%- endif -%}
    {%- endif -%}
    {%- for name in ['as_of', 'not_before']
        if not (var(name) is none and name == 'as_of') and not is_timestamp(var(name)) -%}
        {%- do problems.append(name ~ ': must be a time like "2026-01-31", is ' ~ var(name)) -%}
    {%- endfor -%}
    {%- if var('random_validation_share') is number and var('random_test_share') is number
        and var('random_validation_share') + var('random_test_share') >= 1 -%}
        {%- do problems.append(
            'random_test_share: with random_validation_share it leaves nothing to learn from'
        ) -%}
    {%- endif -%}

    {#- Lengths: no list is asked for more than what it is cut from can hold. -#}
    {%- for name in ['metric_ks', 'candidate_recall_ks'] -%}
        {%- set ks = var(name) -%}
        {%- if ks is string or ks is not iterable or not ks
            or ks | reject('integer') | list or ks | select('integer') | select('<', 1) | list -%}
            {%- do problems.append(name ~ ': must be a list of whole numbers above 0, is ' ~ ks) -%}
        {%- else -%}
            {%- for length, of in {'candidates_k': 'a source', 'ranked_k': 'the ranker'}.items()
                if length in whole and var(length) < ks | max -%}
                {%- do problems.append(
                    name ~ ': asks for the first ' ~ ks | max ~ ' of ' ~ of ~ ', but ' ~ length
                    ~ ' gives only ' ~ var(length)
                ) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if var('comparison_ks') is string or var('comparison_ks') is not iterable
        or var('comparison_ks') | reject('integer') | list -%}
        {%- do problems.append(
            'comparison_ks: must be a list of whole numbers, is ' ~ var('comparison_ks')
        ) -%}
    {%- endif -%}
    {%- if 'ranked_k' in whole and 'recommendations_k' in whole
        and var('recommendations_k') > var('ranked_k') -%}
        {%- do problems.append(
            'recommendations_k: ' ~ var('recommendations_k') ~ ' is over ranked_k, the '
            ~ var('ranked_k') ~ ' candidates that the ranker passes on'
        ) -%}
    {%- endif -%}
    {#- The re-rank: it looks at what it can fill a list from, and the ranker passes on as many. -#}
    {%- if 'rerank_k' in whole and 'recommendations_k' in whole
        and var('rerank_k') < var('recommendations_k') -%}
        {%- do problems.append(
            'rerank_k: ' ~ var('rerank_k') ~ ' candidates do not fill a list of recommendations_k: '
            ~ var('recommendations_k')
        ) -%}
    {%- endif -%}
    {%- if 'rerank_k' in whole and 'ranked_k' in whole and var('rerank_k') > var('ranked_k') -%}
        {%- do problems.append(
            'rerank_k: ' ~ var('rerank_k') ~ ' is over ranked_k, the ' ~ var('ranked_k')
            ~ ' candidates that the ranker passes on'
        ) -%}
    {%- endif -%}
    {%- set slots = var('sponsored_slots') -%}
    {%- if slots is string or slots is not iterable or slots | reject('integer') | list
        or slots | unique | list | length < slots | length -%}
        {%- do problems.append(
            'sponsored_slots: must be a list of different whole numbers, is ' ~ slots
        ) -%}
    {%- elif 'recommendations_k' in whole -%}
        {%- for slot in slots if not 1 <= slot <= var('recommendations_k') -%}
            {%- do problems.append(
                'sponsored_slots: ' ~ slot ~ ' is no place from 1 to recommendations_k: '
                ~ var('recommendations_k')
            ) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if var('max_per_attribute') is mapping -%}
        {%- for kind, cap in var('max_per_attribute').items() -%}
            {%- if cap is not integer or cap is boolean or cap < 1 -%}
                {%- do problems.append(
                    'max_per_attribute: ' ~ kind ~ ' must be a whole number above 0, is ' ~ cap
                ) -%}
            {%- endif -%}
            {%- if kind == var('dedupe_attribute') -%}
                {%- do problems.append(
                    'max_per_attribute: of each ' ~ kind ~ ' dedupe_attribute shows one already'
                ) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if 'similar_items_k' in whole and 'cooccurrence_neighbors' in whole
        and var('similar_items_k') > var('cooccurrence_neighbors') -%}
        {%- do problems.append(
            'similar_items_k: ' ~ var('similar_items_k') ~ ' is over cooccurrence_neighbors: '
            ~ var('cooccurrence_neighbors')
        ) -%}
    {%- endif -%}
    {%- if var('exploration_every') is number and var('exploration_every') is not integer -%}
        {%- do problems.append(
            'exploration_every: must be a whole number, is ' ~ var('exploration_every')
        ) -%}
    {%- endif -%}
    {%- if 'jackknife_groups' in whole and var('jackknife_groups') < 2 -%}
        {%- do problems.append('jackknife_groups: must be at least 2, is 1') -%}
    {%- endif -%}

    {#- Weights: of sources that exist, and, where they are used, at least one that runs. -#}
    {%- set blends = [['blend_weights', var('blend_weights'), true]] -%}
    {%- if var('blend_weights_by_split') is mapping -%}
        {%- for split, weights in var('blend_weights_by_split').items() -%}
            {%- if split not in lists_of_choices['splits'] -%}
                {%- do problems.append(
                    'blend_weights_by_split: "' ~ split ~ '" is unknown; choose from '
                    ~ lists_of_choices['splits'] | join(', ')
                ) -%}
            {%- endif -%}
            {%- do blends.append(
                ['blend_weights_by_split: ' ~ split, weights, split in active_splits()]
            ) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- for name, weights, is_used in blends if weights is mapping -%}
        {%- set running = [] -%}
        {%- for source, weight in weights.items() -%}
            {%- if source not in known_sources -%}
                {%- do problems.append(
                    name ~ ': the source "' ~ source ~ '" does not exist; choose from '
                    ~ known_sources | join(', ')
                ) -%}
            {%- endif -%}
            {%- if weight is not number or weight < 0 -%}
                {%- do problems.append(
                    name ~ ': ' ~ source ~ ' must weigh 0 or more, is ' ~ weight
                ) -%}
            {%- elif weight > 0 and source in active_sources() -%}
                {%- do running.append(source) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if is_used and not running -%}
            {%- do problems.append(name ~ ': gives no weight to any source that runs') -%}
        {%- endif -%}
    {%- endfor -%}

    {#- The folder goes into file names within SQL. -#}
    {%- if var('data_dir') is not string or "'" in var('data_dir') -%}
        {%- do problems.append("data_dir: must be a path without a single quote, is " ~ var('data_dir')) -%}
    {%- endif -%}

    {%- if var('event_log') is not none
        and (var('event_log') is not string or "'" in var('event_log')) -%}
        {%- do problems.append(
            "event_log: must be a folder without a single quote, or null, is " ~ var('event_log')
        ) -%}
    {%- endif -%}

    {%- if not modules.re.match('[A-Za-z0-9_]+$', var('amazon_category') | string) -%}
        {%- do problems.append(
            'amazon_category: must be letters, digits and underscores, is ' ~ var('amazon_category')
        ) -%}
    {%- endif -%}

    {%- set fold_names = [] -%}
    {%- if 'earlier_folds' in whole -%}
        {%- for split in active_splits() -%}
            {%- set folds = evaluated_folds() if split in ['time', 'leave_one_out']
                else ['holdout', 'tune'] -%}
            {%- for fold in folds | reverse -%}
                {%- do fold_names.append(fold_prefix(split) ~ fold) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do fold_names.append('live') -%}
    {%- if var('folds') is not none -%}
        {%- if var('folds') is string or var('folds') is not iterable or not var('folds') -%}
            {%- do problems.append('folds: must be null or a list of folds, is ' ~ var('folds')) -%}
        {%- else -%}
            {%- for fold in var('folds') if fold not in fold_names -%}
                {%- do problems.append(
                    'folds: "' ~ fold ~ '" does not exist; choose from ' ~ fold_names | join(', ')
                ) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endif -%}

    {%- for name, what in {
        'segment_attributes': 'user', 'metric_segments': 'user', 'content_text_kinds': 'item',
        'cold_start_kinds': 'item', 'exposure_kinds': 'item',
    }.items() if var(name) is string or var(name) is not iterable
        or var(name) | reject('string') | list -%}
        {%- do problems.append(
            name ~ ': must be a list of kinds of ' ~ what ~ ' attributes, is ' ~ var(name)
        ) -%}
    {%- endfor -%}

    {%- if var('cold_start_kinds') is iterable and var('cold_start_kinds') is not string -%}
        {%- for kind in ['all', 'segment'] if kind in var('cold_start_kinds') -%}
            {%- do problems.append(
                'cold_start_kinds: ' ~ kind ~ ' is a kind of audience already; give the attribute '
                ~ 'another name'
            ) -%}
        {%- endfor -%}
        {%- for kind in var('content_text_kinds') if kind in var('cold_start_kinds') -%}
            {%- do problems.append(
                'cold_start_kinds: ' ~ kind ~ ' is text (content_text_kinds), which nobody chooses'
            ) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if 'cold_start_min_items' in whole and 'survey_attribute_items' in whole
        and var('survey_attribute_items')
            < [var('cold_start_min_items'), var('recommendations_k')] | max -%}
        {%- do problems.append(
            'survey_attribute_items: must be at least cold_start_min_items and recommendations_k, is '
            ~ var('survey_attribute_items')
        ) -%}
    {%- endif -%}
    {%- set bins = var('warm_up_bins') -%}
    {%- if bins is string or bins is not iterable or not bins
        or bins | reject('integer') | list or bins[0] != 0 or bins | unique | sort != bins | list -%}
        {%- do problems.append(
            'warm_up_bins: must be a rising list of whole numbers from 0, is ' ~ bins
        ) -%}
    {%- endif -%}

    {%- do problems.extend(quality_gate_problems()) -%}
    {%- do problems.extend(experiment_problems()) -%}
    {%- do problems.extend(check_attach()) -%}
    {%- if var('dataset') == 'custom' -%}
        {%- do problems.extend(check_custom()) -%}
    {%- endif -%}

    {%- if problems -%}
        {%- do exceptions.raise_compiler_error(
            'These vars cannot be built with:\n  - ' ~ problems | unique | join('\n  - ')
        ) -%}
    {%- endif -%}
{%- endmacro %}
