"""How the service runs: from the environment, FORYOU_SERVE_<NAME>."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Every knob of the service; secrets come from nowhere else."""

    model_config = SettingsConfigDict(env_prefix="FORYOU_SERVE_")

    published: Path = Path("exports/published")
    """The folder of all runs that were published."""
    events: Path = Path("exports/events")
    """Where events are written, in a folder for each data set: the var `event_log` of the build."""
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    reload_seconds: float = Field(1.0, gt=0)
    """How often it is looked whether another run is the current one."""

    api_key: SecretStr | None = None
    """Asked for in the header X-API-Key, except for health and metrics. None: nobody is asked."""
    rate_limit: str = "1000/second"
    """Requests of one client (key or address), as in `100/minute`."""
    max_body_bytes: int = Field(1_000_000, ge=1)
    max_k: int = Field(100, ge=1)
    max_events: int = Field(1000, ge=1)
    """Events of one request."""
    max_list: int = Field(500, ge=1)
    """Ids in a list: likes, exclusions, answers."""
    max_id_length: int = Field(255, ge=1)

    cache_seconds: float = Field(300.0, ge=0)
    """How long an answer is kept. 0: not at all."""
    cache_most: int = Field(100_000, ge=1)
    """Answers kept in this process."""
    redis_url: SecretStr | None = None
    """Keeps answers in Redis instead of this process."""
    feature_store: Path | None = None
    """The folder of a Feast repository whose online store has the features of users."""
