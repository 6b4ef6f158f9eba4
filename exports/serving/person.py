"""A person as the service knows them: what the build knew, and what has happened since."""

from dataclasses import dataclass, field, replace

import numpy as np

from exports.serving.run import Run

DAY = 86_400.0


@dataclass(frozen=True)
class Event:
    """Something that a person did, as the service was told it."""

    user_id: str
    item_id: str
    event_type: str
    value: float | None = None
    occurred_at: float = 0.0
    """Seconds since 1970, UTC."""


@dataclass(frozen=True)
class Person:
    """Whom to recommend to.

    Items are keys. A person whom the build did not know has no key, and only what has happened.
    """

    user_id: str | None
    user_key: int | None
    likes: np.ndarray
    """Int array: items liked, newest first."""
    weights: np.ndarray
    """Float array: confidence in each like."""
    met: np.ndarray
    """Int array, ascending: items that are not proposed again."""
    numbers: dict[str, float]
    """Column of user_features → its value; NaN where it is missing."""
    categories: dict[str, str | None]
    """Feature → category."""
    segment: int | None = None
    """Number of the segment."""
    is_changed: bool = False
    """Whether more is known than the build knew."""
    answers: list[tuple[str, str]] = field(default_factory=list)
    """(kind, attribute) chosen in a survey."""

    @property
    def is_blank(self) -> bool:
        """Whether nothing at all is known, not even a segment."""
        return not len(self.met) and self.segment is None and not self.answers


def person_of(run: Run, user_id: str, events: list[Event]) -> Person:
    """Put together what is known of a user.

    Parameters
    ----------
    run : Run
        What the build knew.
    user_id : str
        The owner's id; it need not be known.
    events : list of Event
        What happened since, oldest first. Items that are unknown are passed over.

    Returns
    -------
    Person
        As of after the last event.

    Raises
    ------
    ValueError
        When what the build knew cannot be read.
    """
    key = run.user_keys.get(user_id)
    if key is not None and run.histories is None:
        raise ValueError("the histories of users cannot be read")
    if key is None or not bool(run.users["is_known"][key]):
        person = nobody(run, user_id)
    else:
        is_positive = run.histories.of(key, "is_positive").astype(bool)
        items = run.histories.of(key, "item_key")
        n_likes = int(is_positive.sum())
        names = run.features_of("user_features", "numeric")
        numbers = dict(
            zip((column for _, column in names), run.user_features[key].tolist(), strict=True)
        )
        numbers["mean_release_day"] = float(run.users["mean_release_day"][key])
        categories = {feature: values[key] for feature, values in run.user_categories.items()}
        segment = run.segment_numbers.get(categories.get("user_segment"))
        person = Person(
            user_id,
            key,
            items[:n_likes],
            run.histories.of(key, "weight")[:n_likes],
            np.sort(items),
            numbers,
            categories,
            segment,
        )
    return after(run, person, events) if events else person


def told(run: Run, person: Person, values: dict[str, float | str | None]) -> Person:
    """Give the person with features that a feature store says: feature → value."""
    numbers, categories = dict(person.numbers), dict(person.categories)
    for feature, column in run.features_of("user_features", "numeric"):
        if feature in values:
            value = values[feature]
            numbers[column] = np.nan if value is None else float(value)
    for feature in categories.keys() & values.keys():
        categories[feature] = values[feature]
    segment = run.segment_numbers.get(categories.get("user_segment"))
    return replace(person, numbers=numbers, categories=categories, segment=segment)


def stranger(user_id: str | None, user_key: int | None) -> Person:
    """Give a person of whom nothing could be read but the key of their published list."""
    nothing = np.empty(0, dtype=np.int64)
    return Person(user_id, user_key, nothing, nothing.astype(float), nothing, {}, {})


def nobody(run: Run, user_id: str | None = None) -> Person:
    """Give a person of whom nothing is known."""
    nothing = np.empty(0, dtype=np.int64)
    numbers = {column: np.nan for _, column in run.features_of("user_features", "numeric")}
    numbers |= {"n_interactions": 0.0, "n_positives": 0.0, "mean_release_day": np.nan}
    categories = {feature: None for feature, _ in run.features_of("user_features", "category")}
    return Person(user_id, None, nothing, nothing.astype(float), nothing, numbers, categories)


def after(run: Run, person: Person, events: list[Event]) -> Person:
    """Give the person after some events, as the next build would know them.

    Features are those of ``user_features``, worked out from the history; days are counted to the
    last event, which is now. Of several events on an item the last one says whether it is liked.
    """
    parameters = run.parameters
    known = [
        (run.item_keys[event.item_id], event) for event in events if event.item_id in run.item_keys
    ]
    if not known:
        return person
    likes = dict(zip(person.likes.tolist(), person.weights.tolist(), strict=True))
    liked_at = _liked_at(run, person)
    for key, event in known:
        weight = float(parameters["event_weights"].get(event.event_type, 0.0))
        threshold = parameters["positive_thresholds"].get(event.event_type)
        is_like = weight > 0 and (
            threshold is None or (event.value is not None and event.value >= threshold)
        )
        if is_like:
            # Newest first, as a dict keeps its order: out, and in again before all others.
            likes.pop(key, None)
            likes = {key: weight} | likes
            liked_at[key] = event.occurred_at
        elif weight < 0 or (weight > 0 and threshold is not None):
            likes.pop(key, None)
    liked = np.fromiter(likes, dtype=np.int64, count=len(likes))
    met = np.union1d(person.met, [key for key, _ in known])
    numbers = person.numbers | _features(run, person, known, liked, met, liked_at)
    return replace(
        person,
        likes=liked,
        weights=np.fromiter(likes.values(), dtype=np.float64, count=len(likes)),
        met=met,
        numbers=numbers,
        is_changed=True,
    )


def _liked_at(run: Run, person: Person) -> dict[int, float]:
    if person.user_key is None or run.histories is None:
        return {}
    times = run.histories.of(person.user_key, "last_interaction_at")[: len(person.likes)]
    return dict(zip(person.likes.tolist(), times.tolist(), strict=True))


def _features(
    run: Run,
    person: Person,
    known: list[tuple[int, Event]],
    liked: np.ndarray,
    met: np.ndarray,
    liked_at: dict[int, float],
) -> dict[str, float]:
    before = person.numbers
    n_before = _or_zero(before.get("n_interactions"))
    n_interactions = n_before + len(known)
    times = np.array([event.occurred_at for _, event in known])
    last_before = (
        float(run.users["last_interaction_at"][person.user_key])
        if person.user_key is not None
        else np.nan
    )
    first = times.min() if np.isnan(last_before) else min(times.min(), last_before)
    last = float(np.fmax(times.max(), last_before))
    days = {int(time // DAY) for time in times}
    if not np.isnan(last_before):
        days.discard(int(last_before // DAY))
    n_active_days = _or_zero(before.get("n_active_days")) + len(days)
    values = [event.value for _, event in known if event.value is not None]
    mean_before = before.get("mean_value", np.nan)
    n_values = 0 if np.isnan(mean_before) else n_before
    total = (0.0 if np.isnan(mean_before) else mean_before * n_values) + sum(values)
    releases = np.asarray(run.items["release_day"])[liked]
    n_users = np.asarray(run.items["n_users"])[liked]
    ages = np.array([liked_at.get(int(key), np.nan) for key in liked]) / DAY - releases
    span_before = _or_zero(before.get("span_days"))
    return {
        "n_interactions": n_interactions,
        "n_positives": float(len(liked)),
        "like_rate": len(liked) / max(1, len(met)),
        "days_since_last_interaction": max(0.0, (run.parameters["cutoff_at"] or last) - last) / DAY,
        "span_days": span_before + (last - (first if np.isnan(last_before) else last_before)) / DAY,
        "n_active_days": n_active_days,
        "interactions_per_active_day": n_interactions / max(1.0, n_active_days),
        "mean_value": total / (n_values + len(values)) if n_values + len(values) else np.nan,
        "mean_log_popularity": _mean(np.log(np.maximum(1, n_users))),
        "mean_liked_age_days": _mean(ages),
        "mean_release_day": _mean(releases),
    }


def _or_zero(value: float | None) -> float:
    return 0.0 if value is None or np.isnan(value) else float(value)


def _mean(values: np.ndarray) -> float:
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else np.nan
