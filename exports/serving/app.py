"""The HTTP of the online service: what is asked, what is answered, and what is refused."""

import contextlib
import json
import logging
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import prometheus_client
from fastapi import Body, FastAPI, HTTPException, Path, Query, Response
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    create_model,
)
from pydantic_core import to_json
from starlette.convertors import StringConvertor, register_url_convertor

from exports.serving import engine as engines
from exports.serving.engine import STEPS, CannotServeError, Engine, UnknownCategoryError
from exports.serving.events import Event, EventLogError, LoggedEvent
from exports.serving.guard import Guard
from exports.serving.service import CACHED, SERVED, NothingPublishedError, Service
from exports.serving.settings import Settings

logger = logging.getLogger("foryou.serving")


class Item(BaseModel):
    """An item on a list."""

    rank: int
    item_id: str
    title: str | None
    score: float = Field(description="Of the ranker; 0 for what it did not rank.")
    source: str | None = Field(description="The source that puts it highest.")
    slot: str = Field(description="ranked, fresh, cold_start, pinned, sponsored or explore.")
    reason: str = Field(description="Why it is shown, in words.")
    reason_item_id: str | None = Field(description="The liked item that the reason names.")
    extra: dict[str, Any] | None = Field(description="What the catalogue carries along.")


class Recommendations(BaseModel):
    """A list for a person."""

    user_id: str | None
    run_id: str = Field(description="The published run that it is made from.")
    served_by: Literal[STEPS] = Field(description="The step that made it.")
    degraded: list[str] = Field(description="What was missing on the way; empty if nothing was.")
    items: list[Item]


class SimilarItem(BaseModel):
    """An item like another."""

    rank: int
    item_id: str
    title: str | None
    score: float
    extra: dict[str, Any] | None


class SimilarItems(BaseModel):
    """The items most like one."""

    item_id: str
    run_id: str
    items: list[SimilarItem]


class Said(BaseModel):
    """What a source says of an item."""

    source: str
    rank: int
    relative_score: float | None = Field(description="Over its best for the person.")


class Contribution(BaseModel):
    """What a feature adds to the score of an item."""

    feature: str
    value: float | str | None
    contribution: float = Field(description="SHAP value, in the units of the score.")


class ExplainedItem(BaseModel):
    """Why an item stands where it does."""

    item_id: str
    title: str | None
    rank: int | None = Field(description="On the list; null if it is not on it.")
    reason: str | None
    slot: str | None
    has_met: bool = Field(description="What a person has met is not proposed again.")
    ranker: str | None
    rank_by_ranker: int | None = Field(description="Among the candidates; null if it is none.")
    score: float | None
    sources: list[Said]
    features: list[Contribution] = Field(description="Those that moved the score most.")


class LikedItem(BaseModel):
    """An item that the person likes."""

    item_id: str
    title: str | None


class Explanation(BaseModel):
    """Why a list is what it is."""

    user_id: str | None
    run_id: str
    served_by: Literal[STEPS]
    degraded: list[str]
    last_likes: list[LikedItem] = Field(description="Newest first.")
    items: list[ExplainedItem]


class Acknowledged(BaseModel):
    """Events that are written down."""

    n_events: int
    event_ids: list[str]


class Error(BaseModel):
    """What was wrong, and what to do."""

    detail: str


class Health(BaseModel):
    """How the service is."""

    status: str
    run_id: str | None
    problems: dict[str, str] = Field(description="Part of the run that is not served → why.")
    refused: dict[str, str] = Field(description="Published run that cannot be served → why.")


REFUSED = {
    400: {"model": Error, "description": "The body cannot be read as JSON."},
    401: {"model": Error, "description": "The API key is missing or wrong."},
    404: {"model": Error, "description": "There is nothing at this address."},
    405: {"model": Error, "description": "The address is asked in another way."},
    413: {"model": Error, "description": "The body is too large."},
    429: {"model": Error, "description": "Too many requests."},
}
UNKNOWN = {404: {"model": Error, "description": "There is no such item, or category."}}
NOTHING = {503: {"model": Error, "description": "Nothing is published, or nothing may be shown."}}


class IdConvertor(StringConvertor):
    """An id within an address: slashes and ends of lines may be part of it."""

    regex = r"[\s\S]*"


register_url_convertor("id", IdConvertor())


def create_app(settings: Settings | None = None, service: Service | None = None) -> FastAPI:
    """Make the application.

    Parameters
    ----------
    settings : Settings, optional
        By default those of the environment.
    service : Service, optional
        What it serves; by default made from the settings.

    Returns
    -------
    FastAPI
        With the OpenAPI page under ``/docs``.
    """
    settings = settings or Settings()
    service = service or Service(settings)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        import asyncio

        service.reload()
        watching = asyncio.create_task(service.watch())
        yield
        watching.cancel()
        if service.log is not None:
            service.log.close()

    # Its pages bring what they need along: nothing is asked of anybody else's server.
    app = FastAPIOffline(
        title="foryou",
        summary="Recommendations that were published, for a person who acted a second ago.",
        version="1",
        lifespan=lifespan,
        responses=REFUSED,
    )
    app.state.service = service
    app.add_exception_handler(RequestValidationError, _unprocessable)
    app.add_middleware(Guard, settings=settings)

    Id = Annotated[
        str,
        StringConstraints(min_length=1, max_length=settings.max_id_length),
        AfterValidator(_without_nul),
    ]
    Ids = Annotated[list[Id], Field(max_length=settings.max_list)]
    K = Annotated[int, Query(ge=1, le=settings.max_k, description="Length of the list.")]
    Exclude = Annotated[
        Ids, Query(description="Ids of items that are not shown; repeat it for several.")
    ]
    Category = Annotated[Id | None, Query(description="Everything shown is of this category.")]
    Context = Annotated[
        Id | None,
        Query(description="Id of the item looked at: it counts as liked last, for this answer."),
    ]
    UserId = Annotated[Id, Path(description="The owner's id of the user; it need not be known.")]

    class PostedEvent(BaseModel):
        """Something that a person did."""

        model_config = ConfigDict(extra="forbid")

        user_id: Id
        item_id: Id
        event_type: Id = Field(description="As in the vars event_weights, such as `rating`.")
        value: float | None = Field(None, allow_inf_nan=False)
        occurred_at: Annotated[datetime | None, AfterValidator(_since_1970)] = Field(
            None, description="By default now; a time without a zone is UTC. 1970 or later."
        )
        event_id: Id | None = Field(
            None, description="Yours: an event that is posted twice with it counts once."
        )

    Answers = create_model(
        "Answers",
        __doc__="A person without an account: what they like, and what they chose in a survey.",
        __config__=ConfigDict(extra="forbid"),
        likes=(Ids, Field(default=[], description="Ids of liked items, oldest first.")),
        answers=(
            Annotated[dict[Id, Ids], Field(max_length=20)],
            Field(default={}, description="Kind → attributes chosen: {category: [Drama]}."),
        ),
        k=(Annotated[int, Field(ge=1, le=settings.max_k)], 20),
        exclude=(Ids, []),
        category=(Id | None, None),
        context=(Id | None, None),
    )

    def engine() -> Engine:
        if service.engine is None:
            raise HTTPException(
                503,
                "nothing is published that can be served; `make publish` does"
                + "".join(f" ({reason})" for reason in service.refused.values()),
            )
        return service.engine

    @contextlib.contextmanager
    def told() -> Iterator[None]:
        """Say what cannot be shown, and why."""
        try:
            yield
        except UnknownCategoryError as error:
            raise HTTPException(404, str(error)) from error
        except CannotServeError as error:
            raise HTTPException(503, f"nothing may be shown: {error}") from error

    def recommended(request: engines.Request) -> bytes:
        with told():
            answer = engine().recommend(request)
        SERVED.labels(answer.served_by).inc()
        return to_json(
            {
                "user_id": request.user_id,
                "run_id": answer.run_id,
                "served_by": answer.served_by,
                "degraded": answer.degraded,
                "items": answer.items,
            },
            inf_nan_mode="null",
        )

    @app.get(
        "/users/{user_id:id}/recommendations",
        response_model=Recommendations,
        tags=["lists"],
        responses=UNKNOWN | NOTHING,
    )
    async def recommendations(
        user_id: UserId,
        k: K = 20,
        exclude: Exclude = [],  # noqa: B006 - FastAPI copies it
        category: Category = None,
        context: Context = None,
    ) -> Response:
        """List what to show a user now: what was done a second ago counts."""
        request = engines.Request(user_id, k, tuple(exclude), category, context)
        if not settings.cache_seconds:
            return Response(recommended(request), media_type="application/json")
        question = json.dumps(
            [
                *(engine().run.run_id, user_id, service.recent.generation(user_id)),
                *(k, sorted(set(exclude)), category, context),
            ]
        )
        answer = service.cache.get(question)
        is_known = answer is not None
        if is_known:
            CACHED.inc()
        else:
            answer = recommended(request)
            service.cache.put(question, answer)
        headers = {"X-Cache": "hit" if is_known else "miss"}
        return Response(answer, media_type="application/json", headers=headers)

    @app.get(
        "/users/{user_id:id}/explain",
        response_model=Explanation,
        tags=["lists"],
        responses=UNKNOWN | NOTHING,
    )
    async def explain(
        user_id: UserId,
        item_id: Annotated[
            Ids, Query(description="Items to explain; by default those on the list.")
        ] = [],  # noqa: B006
        k: K = 20,
        category: Category = None,
        context: Context = None,
    ) -> Response:
        """Say why a user's list is what it is: sources, features, likes."""
        with told():
            explained = engine().explain(
                engines.Request(user_id, k, (), category, context), item_id
            )
        return Response(to_json(explained, inf_nan_mode="null"), media_type="application/json")

    @app.post(
        "/recommendations",
        response_model=Recommendations,
        tags=["lists"],
        responses=UNKNOWN | NOTHING,
    )
    async def recommendations_without_account(asked: Answers) -> Response:
        """List what to show a person without an account, by what they like or chose."""
        request = engines.Request(
            None,
            asked.k,
            tuple(asked.exclude),
            asked.category,
            asked.context,
            tuple(asked.likes),
            tuple((kind, its) for kind, chosen in asked.answers.items() for its in chosen),
        )
        return Response(recommended(request), media_type="application/json")

    @app.get(
        "/items/{item_id:id}/similar",
        response_model=SimilarItems,
        tags=["lists"],
        responses=UNKNOWN | NOTHING,
    )
    async def similar(item_id: Annotated[Id, Path()], k: K = 20) -> Response:
        """List the items most like one."""
        serving = engine()
        try:
            items = serving.similar(item_id, k)
        except KeyError:
            raise HTTPException(404, f"there is no item {item_id!r}") from None
        content = {"item_id": item_id, "run_id": serving.run.run_id, "items": items}
        return Response(to_json(content), media_type="application/json")

    @app.post(
        "/events", tags=["events"], status_code=201, response_model=Acknowledged, responses=NOTHING
    )
    async def events(
        posted: Annotated[
            PostedEvent
            | Annotated[list[PostedEvent], Field(min_length=1, max_length=settings.max_events)],
            Body(description="An event, or a list of them."),
        ],
    ) -> Acknowledged:
        """Write down what people did; the next answer heeds it, and so does the next build."""
        received_at = service.recent.now()
        for event in posted if isinstance(posted, list) else [posted]:
            _check_value(engine().run.parameters["value_ranges"], event)
        logged = [
            _logged(event, received_at)
            for event in (posted if isinstance(posted, list) else [posted])
        ]
        try:
            await service.post(logged)
        except (EventLogError, NothingPublishedError) as error:
            raise HTTPException(503, str(error), {"Retry-After": "10"}) from error
        return Acknowledged(n_events=len(logged), event_ids=[its.event_id for its in logged])

    @app.get("/health", tags=["service"])
    async def health() -> Health:
        """Say that the process is alive, and what it serves."""
        run = service.engine.run if service.engine else None
        problems = dict(run.problems) if run else {}
        return Health(
            status="degraded" if problems or service.refused else "ok",
            run_id=run.run_id if run else None,
            problems=problems,
            refused=service.refused,
        )

    @app.get("/ready", tags=["service"], responses=NOTHING)
    async def ready() -> Health:
        """Say whether there is something to serve."""
        engine()
        return await health()

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        """Counts and latencies, for Prometheus."""
        return Response(
            prometheus_client.generate_latest(), media_type=prometheus_client.CONTENT_TYPE_LATEST
        )

    return app


def _check_value(ranges: dict[str, list], event) -> None:
    """Refuse what the next build would refuse, while there is somebody to tell."""
    if event.event_type not in ranges:
        return
    lowest, highest = ranges[event.event_type]
    if event.value is None or not lowest <= event.value <= highest:
        message = f"of the type {event.event_type!r} it must be from {lowest} to {highest}"
        error = {"type": "value_error", "loc": ("body", "value"), "msg": message}
        raise RequestValidationError([error | {"input": event.value}])


async def _unprocessable(_, error: RequestValidationError) -> Response:
    """Say where a request is wrong, and how; not what stood there, which JSON may not hold."""
    wrong = [{name: its[name] for name in ("loc", "msg", "type")} for its in error.errors()]
    return Response(json.dumps({"detail": wrong}), 422, media_type="application/json")


def _without_nul(text: str) -> str:
    if "\0" in text:
        # Postgres, to which ids are sent, holds no such text.
        raise ValueError("must not hold the character U+0000")
    return text


def _since_1970(at: datetime | None) -> datetime | None:
    if at is None:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if at < datetime(1970, 1, 1, tzinfo=UTC):
        raise ValueError("must be 1970 or later")
    return at


def _logged(event, received_at: float) -> LoggedEvent:
    at = event.occurred_at
    occurred_at = received_at if at is None else at.timestamp()
    return LoggedEvent(
        event.event_id or uuid.uuid4().hex,
        Event(
            event.user_id,
            event.item_id,
            event.event_type,
            event.value,
            # Nobody has done anything yet that is to come.
            min(occurred_at, received_at),
        ),
        received_at,
    )
