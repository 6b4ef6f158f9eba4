"""What people are shown, on the default data set."""

LIVE = "recommendations.recommendations where fold = 'live'"


def test_everybody_gets_twenty(built):
    assert built.rows(
        f"select n, count(*) from (select count(*) as n from {LIVE} group by user_id) group by n"
    ) == [(20, 943)]


def test_people_without_history_get_twenty_too(built):
    lists = built.rows(
        "select count(*) from recommendations.recommendations"
        " where fold = 'holdout' and slot in ('cold_start', 'explore') group by user_id"
    )
    assert lists and set(lists) == {(20,)}


def test_reasons_name_what_the_user_really_liked(built):
    [(n_named, n_liked)] = built.rows(
        "select count(*), count(user_items.item_key)"
        " from recommendations.recommendations as shown"
        " inner join inputs.users on shown.user_id = users.user_id"
        " inner join inputs.items on shown.reason_item_id = items.item_id"
        " left join folds.user_items on shown.fold = user_items.fold"
        "  and users.user_key = user_items.user_key and items.item_key = user_items.item_key"
        "  and user_items.is_positive and contains(shown.reason, items.title)"
    )
    assert n_named == n_liked > 10_000


def test_every_reason_is_words(built):
    reasons = built.rows("select distinct reason from recommendations.recommendations")
    assert not [reason for (reason,) in reasons if not reason or "{" in reason]


def test_similar_items_are_others(built):
    assert built.rows(
        "select count(*) from recommendations.similar_items where item_id = similar_item_id"
    ) == [(0,)]
