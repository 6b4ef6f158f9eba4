"""What Feast is told of our features, made from the one declaration that the warehouse has of them.

The declaration is the yml of the feature models; `feature_definitions` is what it says, as a table,
and is published with every run. Features of a user and an item together are not here: they are
computed when they are asked for, from the candidates and the user's last actions.
"""

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.types import Float64, String

# What the feature models of the warehouse are about; the key of each is in the owner's ids.
MODELS = {"user_features": "user", "item_features": "item"}
TYPES = {"numeric": Float64, "category": String}
# When each row became known: the cutoff before which everything in it happened.
TIMESTAMP = "cutoff_at"
SERVICE = "ranker"


@dataclass(frozen=True)
class Definitions:
    """What `feast apply` takes."""

    entities: list[Entity]
    feature_views: list[FeatureView]
    feature_service: FeatureService

    @property
    def objects(self) -> list[Entity | FeatureView | FeatureService]:
        return [*self.entities, *self.feature_views, self.feature_service]


def published_folder() -> Path:
    """Give the folder of what is published: FORYOU_PUBLISHED, else that of `make publish`."""
    default = Path(__file__).resolve().parent.parent / "exports" / "published"
    return Path(os.environ.get("FORYOU_PUBLISHED", default))


def define(published: Path) -> Definitions:
    """Make entities, feature views and the service of the ranker.

    Parameters
    ----------
    published : Path
        The folder of all that was published. What is defined reads `current` there, whatever run
        that is by then.

    Returns
    -------
    Definitions
        Entities `user` and `item`; the views `user_features` and `item_features`, whose features
        are named as the ranker knows them (`user_like_rate`, `item_like_rate`), and which also say
        what run a row is of (`user_run_id`, `item_run_id`); the service `ranker` of all features,
        without the run.

    Raises
    ------
    FileNotFoundError
        When nothing is published there.
    """
    current = Path(published).absolute() / "current"
    declaration = current / "feature_definitions.parquet"
    if not declaration.exists():
        raise FileNotFoundError(f"{declaration} is missing; `make publish` writes it")
    declared = pq.read_table(declaration).to_pylist()
    entities, views, of_ranker = [], [], []
    for model, name in MODELS.items():
        entity = Entity(name=name, join_keys=[f"{name}_id"], value_type=ValueType.STRING)
        features = [row for row in declared if row["feature_model"] == model]
        run_id = Field(name=f"{name}_run_id", dtype=String, description="The run that made it.")
        view = FeatureView(
            name=model,
            description=f"What is known of {name}s at the cutoff of a run.",
            entities=[entity],
            schema=[
                Field(name=f"{name}_id", dtype=String),
                *(
                    Field(
                        name=row["feature"],
                        dtype=TYPES[row["type"]],
                        description=row["description"],
                    )
                    for row in features
                ),
                run_id,
            ],
            source=FileSource(
                name=f"{name}_feature_history",
                path=str(current / f"{name}_feature_history.parquet"),
                timestamp_field=TIMESTAMP,
                field_mapping={row["column_name"]: row["feature"] for row in features}
                | {"run_id": run_id.name},
            ),
            # What is known of somebody does not expire; a newer run says more.
            ttl=timedelta(0),
            online=True,
        )
        entities.append(entity)
        views.append(view)
        if features:
            of_ranker.append(view[[row["feature"] for row in features]])
    service = FeatureService(
        name=SERVICE,
        features=of_ranker,
        description="All that the ranker is told of users and items.",
    )
    return Definitions(entities, views, service)
