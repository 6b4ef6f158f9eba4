"""One row per experiment, metric, segment, day, variant and adjustment: the effect."""

from models_py.experiments import EffectParameters, experiment_estimates
from models_py.memory import arrow


def model(dbt, session):
    """Read the refs as Arrow, estimate, return Arrow."""
    experiments = {"replay": dbt.config.get("replayed_experiment") or {}}
    experiments |= dbt.config.get("experiments")
    return experiment_estimates(
        moments=arrow(dbt.ref("experiment_moments")),
        catalogs=arrow(dbt.ref("shown_catalogs")),
        parameters=EffectParameters(experiments, dbt.config.get("planned_users")),
    )
