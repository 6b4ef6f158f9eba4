"""One row per experiment, metric, segment, day, variant and adjustment: the effect."""

from models_py.experiments import EffectParameters, experiment_estimates


def model(dbt, session):
    """Read the refs as Arrow, estimate, return Arrow."""
    experiments = {"replay": dbt.config.get("replayed_experiment") or {}}
    experiments |= dbt.config.get("experiments")
    return experiment_estimates(
        moments=dbt.ref("experiment_moments").to_arrow_table(),
        catalogs=dbt.ref("shown_catalogs").to_arrow_table(),
        parameters=EffectParameters(experiments, dbt.config.get("planned_users")),
    )
