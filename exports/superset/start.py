"""Set up a Superset of one's own with the dashboard in it, and run it; `make superset` calls it.

It runs in Superset's own virtual environment, not in the project's. Whatever it writes is below
``--home``, which nobody else may read: its database, and the key that it signs sessions with.
"""

import argparse
import os
import secrets
import subprocess
import sys
import zipfile
from pathlib import Path

ADMIN = "admin"
PASSWORD = "FORYOU_SUPERSET_PASSWORD"


def secret_key(home: Path) -> str:
    """Read the key of this Superset, and make one if there is none."""
    file = home / "secret_key"
    if not file.exists():
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as key:
            key.write(secrets.token_urlsafe(48))
    return file.read_text()


def fill(bundle: Path) -> None:
    """Make sure of the admin, and make the dashboard what the bundle says."""
    from superset.app import create_app

    app = create_app()
    with app.app_context():
        from superset.commands.importers.v1.assets import ImportAssetsCommand
        from superset.commands.importers.v1.utils import get_contents_from_bundle
        from superset.utils.core import override_user

        security = app.appbuilder.sm
        password = os.environ.get(PASSWORD)
        admin = security.find_user(ADMIN)
        if admin is None:
            if not password:
                password = secrets.token_urlsafe(12)
                print(f"User {ADMIN}, password {password} (said once; {PASSWORD} sets another)")
            # Superset wants an address, and sends nothing to this one.
            role = security.find_role("Admin")
            admin = security.add_user(ADMIN, "foryou", ADMIN, "admin@localhost", role, password)
        elif password:
            security.reset_password(admin.id, password)
        with zipfile.ZipFile(bundle) as file, override_user(admin):
            ImportAssetsCommand(get_contents_from_bundle(file)).run()


def main() -> None:
    """Set it up, then become the server."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("bundle", type=Path, help="the ZIP file that exports.superset.bundle wrote")
    parser.add_argument("--home", type=Path, default=Path("target/superset"))
    parser.add_argument("--port", type=int, default=8088)
    options = parser.parse_args()

    home = options.home.absolute()
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    os.environ |= {
        "SUPERSET_HOME": str(home),
        "SUPERSET_SECRET_KEY": secret_key(home),
        "SUPERSET_CONFIG_PATH": str(Path(__file__).with_name("superset_config.py").absolute()),
        "FLASK_APP": "superset",
        "SCARF_ANALYTICS": "false",
    }
    programs = Path(sys.executable).parent
    for command in (["db", "upgrade"], ["init"]):
        print(f"superset {' '.join(command)}", flush=True)
        done = subprocess.run(
            [programs / "superset", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            sys.exit(f"{done.stdout}foryou: Superset is not set up, see above")
    fill(options.bundle)
    print(f"http://127.0.0.1:{options.port}/superset/dashboard/foryou/", flush=True)
    server = programs / "gunicorn"
    arguments = ["--bind", f"127.0.0.1:{options.port}", "--no-control-socket", "--timeout", "120"]
    arguments += ["--worker-class", "gthread", "--threads", "8", "superset.app:create_app()"]
    os.execv(server, [str(server), *arguments])


if __name__ == "__main__":
    main()
