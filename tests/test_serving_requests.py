"""Whatever is asked of the service, it answers as its specification says."""

import json
import re
from collections import Counter
from urllib.parse import quote

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from serving_places import LIKE, Direct, Place, ask

from exports.serving.app import create_app
from exports.serving.settings import Settings

pytestmark = pytest.mark.usefixtures("own_configuration")


N_REQUESTS = 10_000
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def asked(published, tmp_path_factory) -> tuple[Place, Direct, dict]:
    """A service with no network before it, and its operations as its specification has them."""
    place = Place(tmp_path_factory.mktemp("asked"), published)
    place.published.mkdir()
    place.switch(place.add("whole"))
    app = create_app(Settings(**place.its(cache_seconds=300)))
    app.state.service.reload()
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    operations = [found.ok() for found in schema.get_all_operations()]
    return place, Direct(app), {operation.label: operation for operation in operations}


OPERATIONS = [
    "GET /items/{item_id}/similar",
    "GET /users/{user_id}/explain",
    "GET /users/{user_id}/recommendations",
    "POST /events",
    "POST /recommendations",
]


def test_every_operation_is_asked(asked):
    _, direct, operations = asked
    assert sorted(operations) == sorted([*OPERATIONS, "GET /health", "GET /ready"])
    for path in ("/health", "/ready"):
        operations[f"GET {path}"].Case().validate_response(direct.get(path), checks=CHECKS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_ten_thousand_requests_of_nobody_in_their_right_mind(asked, operation):
    """As the specification wants them, and not: no answer but those that it documents.

    A request that the service does not survive raises here: nothing stands between.
    """
    place, direct, operations = asked
    codes: Counter[int] = Counter()
    acknowledged = 0

    def bombard(mode: GenerationMode, n_requests: int) -> None:
        @settings(
            max_examples=n_requests,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operations[operation].as_strategy(generation_mode=mode))
        def ask_once(case) -> None:
            nonlocal acknowledged
            request = requests.Request(**case.as_transport_kwargs(base_url="http://localhost"))
            prepared = request.prepare()
            body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body
            answer = direct.send(prepared.method, prepared.path_url, prepared.headers, body)
            codes[answer.status_code] += 1
            if answer.status_code == 201:
                acknowledged += answer.json()["n_events"]
            case.validate_response(answer, checks=CHECKS)
            assert answer.status_code < 500

        ask_once()

    share = N_REQUESTS // len(OPERATIONS)
    n_malformed = 2 * share // 5
    bombard(GenerationMode.POSITIVE, share - n_malformed)
    bombard(GenerationMode.NEGATIVE, n_malformed)
    assert codes.total() >= share
    # Most that is malformed is refused; the rest is so by another reading of the same bytes.
    refused = sum(codes[code] for code in (400, 404, 405, 422))
    assert refused > n_malformed / 2, codes
    assert codes[404 if "items" in operation else 201 if "events" in operation else 200] > 100, (
        codes
    )
    if "events" in operation:
        # Nothing that was acknowledged is lost, whatever it was.
        log = direct.app.state.service.log
        assert acknowledged == len(place.logged()) == len(log.since(0.0)) > 100


ODD_IDS = [
    *("'; drop table recommendations; --", '" or 1=1 --', "<script>alert(1)</script>"),
    *('{"$ne": null}', "../../etc/passwd", "..", "%2e%2e%2f", "a/b", "/", "a%2Fb", "a?b#c&d=e"),
    *("${jndi:ldap://x}", "{{ 7 * 7 }}", "\\x01", "\r\nX-Injected: 1", "\u202e\u2028\ufeff", "😀"),
    *("nan", "null", "-1", "1e309", " 1", "1 ", "a" * 255),
]


@pytest.mark.parametrize("odd", ODD_IDS)
def test_ids_are_data(place, odd):
    """Whatever an id says, it comes back as it was, and what it did counts as its own."""
    with place.serving() as client:
        # The client of the tests would decode an address twice, and make `..` go up.
        direct, user = Direct(client.app), quote(odd, safe="")
        answer = direct.get(f"/users/{user}/recommendations?exclude={user}")
        assert answer.json()["user_id"] == odd
        assert answer.json()["served_by"] == "cold_start"
        assert answer.headers["content-type"] == "application/json"
        assert "X-Injected" not in answer.headers
        event = {"user_id": odd, "item_id": "50", "event_id": odd} | LIKE
        assert client.post("/events", json=event).json()["event_ids"] == [odd]
        assert client.post("/events", json=event | {"item_id": odd}).status_code == 201
        explained = direct.get(f"/users/{user}/explain?item_id=50&item_id={user}&k=1").json()
        assert [(its["item_id"], its["has_met"]) for its in explained["items"]] == [("50", True)]
        answer = direct.get(f"/items/{user}/similar")
        assert answer.status_code == 404 and repr(odd) in answer.json()["detail"]
        answer = client.post("/recommendations", json={"likes": [odd], "answers": {odd: [odd]}})
        assert answer.status_code == 200 and answer.json()["items"]
    with place.serving() as client:
        [event] = client.app.state.service.recent.of(odd)[:1]
        assert (event.user_id, event.item_id) == (odd, "50")
    assert {(row["user_id"], row["event_id"]) for row in place.logged()} == {(odd, odd)}


# No type that must have a value.
EVENT = '{"user_id": "1", "item_id": "1", "event_type": "seen"'


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"\xff\xfe", 422),
        (b"\x80", 400),
        (b'{"user_id": "\xc3', 400),
        (b"[]", 422),
        (b"null", 422),
        (b"[" * 20_000, 400),
        (b'{"a":' * 20_000, 400),
        (EVENT + ', "value": NaN}', 422),
        (EVENT + ', "value": Infinity}', 422),
        (EVENT + ', "value": 1e999}', 422),
        (EVENT + ', "value": 1' + "0" * 400 + "}", 422),
        (EVENT + ', "value": 1' + "0" * 5000 + "}", 400),
        (EVENT + ', "occurred_at": "0001-01-01T00:00:00+14:00"}', 422),
        (EVENT + ', "occurred_at": "0001-01-01T00:00:00"}', 422),
        (EVENT + ', "occurred_at": "1969-12-31"}', 422),
        (EVENT + ', "occurred_at": -1e300}', 422),
        (EVENT + ', "occurred_at": 1e300}', 422),
        (EVENT + ', "occurred_at": "2026-02-30T00:00:00"}', 422),
        (EVENT + ', "occurred_at": "9999-12-31T23:59:59.999999-14:00"}', 201),
        (EVENT + ', "occurred_at": "1970-01-01"}', 201),
        (EVENT + ', "event_id": ""}', 422),
        (EVENT + ', "event_id": "\\u0000"}', 422),
        (EVENT + ', "event_id": "\\ud800"}', 422),
        (EVENT + ', "event_id": "\\ud83d\\ude00"}', 201),
        (EVENT + ', "\\ud800": 1}', 422),
        (EVENT + ', "event_id": "' + "x" * 256 + '"}', 422),
        (EVENT + ', "event_id": 1}', 422),
        (EVENT + ', "value": 1, "value": 2}', 201),
    ],
)
def test_odd_bodies(place, body, status):
    with place.serving() as client:
        headers = {"content-type": "application/json"}
        answer = client.post("/events", content=body, headers=headers)
        assert answer.status_code == status, answer.text
        assert answer.json().keys() == ({"n_events", "event_ids"} if status == 201 else {"detail"})
        # What was wrong is named, and not repeated.
        assert len(answer.content) < 2000
        client.post("/events", json={"user_id": "1", "item_id": "2"} | LIKE)
    with place.serving() as client:
        met_since = ["1", "2"] if status == 201 else ["2"]
        assert len(place.logged()) == len(met_since)
        assert client.app.state.service.recent.n_events == len(met_since)


def test_odd_addresses(place):
    with place.serving() as client:
        for address, status in {
            "/users//recommendations": 422,
            "/users/%00/recommendations": 422,
            "/users/%ff/recommendations": 200,
            "/users/1/recommendations?k=5&k=7": 200,
            "/users/1/recommendations?k=": 422,
            "/users/1/recommendations?k=1e1": 422,
            "/users/1/recommendations?k=" + "9" * 5000: 422,
            "/users/1/recommendations?exclude=": 422,
            "/users/1/recommendations?exclude=%ff&exclude=1&exclude=1": 200,
            "/users/1/recommendations?unknown=1": 200,
            "/users/" + "x" * 256 + "/recommendations": 422,
            "/items//similar": 422,
            "/nowhere": 404,
            "/users/1": 404,
        }.items():
            assert client.get(address).status_code == status, address
        assert client.delete("/users/1/recommendations").status_code == 405
        # What is documented of every address is documented once, for all.
        for path in client.get("/openapi.json").json()["paths"].values():
            for operation in path.values():
                assert {"400", "401", "404", "405", "413", "429"} <= set(operation["responses"])


def test_the_pages_ask_nobody_elses_server(place):
    with place.serving() as client:
        for page in ("/docs", "/redoc"):
            answer = client.get(page)
            assert answer.status_code == 200
            addresses = re.findall(r'(?:src|href|url)\s*[=:]\s*[\'"]([^\'"]+)', answer.text)
            assert addresses
            for address in addresses:
                assert address.startswith("/"), address
                assert client.get(address).status_code == 200, address


def test_limits(place):
    with place.serving(max_body_bytes=1000, max_k=10, max_list=3, max_events=2) as client:
        event = {"user_id": "1", "item_id": "1"} | LIKE
        large = json.dumps(event).encode() + b" " * 1000
        headers = {"content-type": "application/json"}
        said = client.post("/events", content=large, headers=headers)
        assert said.status_code == 413 and "1000 bytes" in said.json()["detail"]
        # In pieces, it does not say how large it is.
        pieces = client.post("/events", content=iter([large[:600], large[600:]]), headers=headers)
        assert pieces.status_code == 413 and pieces.json() == said.json()
        lies = {"content-length": "9" * 5000} | headers
        assert client.post("/events", content=b"{}", headers=lies).status_code == 413
        whole = json.dumps(event).encode().ljust(1000)
        assert client.post("/events", content=whole, headers=headers).status_code == 201

        assert len(ask(client, "1", k=10)["items"]) == 10
        for k in (0, -1, 11):
            assert client.get("/users/1/recommendations", params={"k": k}).status_code == 422
            assert client.post("/recommendations", json={"k": k}).status_code == 422
            assert client.get("/items/1/similar", params={"k": k}).status_code == 422
        for n, status in ((3, 200), (4, 422)):
            ids = [str(nth) for nth in range(n)]
            for answer in (
                client.get("/users/1/recommendations", params={"exclude": ids}),
                client.get("/users/1/explain", params={"item_id": ids}),
                client.post("/recommendations", json={"likes": ids}),
                client.post("/recommendations", json={"exclude": ids}),
                client.post("/recommendations", json={"answers": {"category": ids}}),
            ):
                assert answer.status_code == status
        assert client.post("/events", json=[event] * 2).status_code == 201
        assert client.post("/events", json=[event] * 3).status_code == 422
        assert len(place.logged()) == 3


def test_the_key_is_asked_for(place, monkeypatch):
    monkeypatch.setenv("FORYOU_SERVE_API_KEY", "clé")
    with place.serving(rate_limit="2/hour") as client:
        for headers in ({}, {"X-API-Key": "wrong"}, {"X-API-Key": ""}):
            answer = client.get("/users/1/recommendations", headers=headers)
            assert answer.status_code == 401 and "X-API-Key" in answer.json()["detail"]
        right = {"X-API-Key": "clé".encode()}
        # Who has no key uses nothing up.
        codes = [
            client.get("/users/1/recommendations", headers=right).status_code for _ in range(3)
        ]
        assert codes == [200, 200, 429]
        answer = client.get("/users/1/recommendations", headers=right)
        assert 0 < int(answer.headers["Retry-After"]) <= 3600
        for path in ("/health", "/ready", "/metrics"):
            assert client.get(path).status_code == 200
        assert "clé" not in repr(client.app.state.service.settings)
