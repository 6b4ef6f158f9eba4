"""How many users an experiment needs before it begins, from the metrics of the warehouse."""

import argparse
import math
import sys
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table
from statsmodels.stats.power import NormalIndPower

from exports.warehouse import database_path, open_to_read, terminal

BASELINES = """
    select metric, n_users, value, standard_deviation, n_users_per_day
    from experiments.metric_baselines
    order by metric
"""


def users_needed(
    value: float, deviation: float, effect: float, share: float, power: float, alpha: float
) -> int:
    """Tell how many users, of all variants, an experiment of two variants needs.

    Parameters
    ----------
    value, deviation : float
        The metric of the control, and its standard deviation over users.
    effect : float
        The change to be seen, as a share of the value.
    share : float
        Share of users who get the treatment, above 0 and below 1.
    power, alpha : float
        How likely it is to be seen if it is there, and if it is not (two-sided).

    Returns
    -------
    int
        Users of both variants.

    Raises
    ------
    ValueError
        When a share, the power or alpha is not between 0 and 1, or the effect is 0.
    """
    for name, number in (("share", share), ("power", power), ("alpha", alpha)):
        if not 0 < number < 1:
            raise ValueError(f"{name} must be between 0 and 1, is {number}")
    if effect == 0:
        raise ValueError("effect must not be 0: no number of users shows that nothing changes")
    treated = NormalIndPower().solve_power(
        effect_size=abs(effect) * value / deviation,
        power=power,
        alpha=alpha,
        ratio=(1 - share) / share,
    )
    return math.ceil(treated / share)


def smallest_effect(
    value: float, deviation: float, users: float, share: float, power: float, alpha: float
) -> float:
    """Tell the smallest effect that so many users show, as a share of the value.

    The inverse of `users_needed`; same parameters.
    """
    size = NormalIndPower().solve_power(
        nobs1=users * share, power=power, alpha=alpha, ratio=(1 - share) / share
    )
    return size * deviation / value


def plan(
    database: Path,
    console: Console,
    effects: list[float],
    days: list[int],
    share: float,
    power: float,
    alpha: float,
) -> None:
    """Print, for each metric, the users that effects need and the effects that days can show.

    Parameters
    ----------
    database : Path
        A DuckDB file in which experiments.metric_baselines was built.
    console : Console
        Where to print.
    effects : list of float
        Relative effects to plan for.
    days : list of int
        Days that the experiment may last.
    share, power, alpha : float
        As of `users_needed`.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    duckdb.CatalogException
        When the table is not in it.
    """
    with open_to_read(database) as connection:
        baselines = connection.execute(BASELINES).fetchall()
    if not baselines:
        console.print("Nothing was seen that an experiment could change: no likes, no clicks.")
        return
    needed = Table(
        title=f"Users of both variants for {power:.0%} power at α = {alpha:g}, {share:.0%} treated",
        title_justify="left",
    )
    visible = Table(
        title="Smallest relative effect that is seen, if new users come as they do now",
        title_justify="left",
    )
    for table in (needed, visible):
        table.add_column("metric")
        table.add_column("now", justify="right")
    for effect in effects:
        needed.add_column(f"{effect:+.0%}", justify="right")
    for n_days in days:
        visible.add_column(f"{n_days} days", justify="right")
    for metric, _, value, deviation, per_day in baselines:
        users = (users_needed(value, deviation, its, share, power, alpha) for its in effects)
        needed.add_row(metric, f"{value:.4g}", *(f"{n:,}" for n in users))
        shown = (
            smallest_effect(value, deviation, per_day * n_days, share, power, alpha)
            for n_days in days
        )
        visible.add_row(metric, f"{value:.4g}", *(f"{100 * its:.1f} %" for its in shown))
    console.print(needed)
    console.print(visible)


def main() -> int:
    """Plan from the database that FORYOU_DATABASE names; 0, or 1 when it cannot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--effects", type=float, nargs="+", default=[0.01, 0.02, 0.05, 0.1, 0.2])
    parser.add_argument("--days", type=int, nargs="+", default=[7, 14, 28])
    parser.add_argument("--share", type=float, default=0.5)
    parser.add_argument("--power", type=float, default=0.8)
    parser.add_argument("--alpha", type=float, default=0.05)
    options = parser.parse_args()
    try:
        plan(database_path(), terminal(), **vars(options))
    except (FileNotFoundError, ValueError, duckdb.Error) as error:
        print(f"foryou: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
