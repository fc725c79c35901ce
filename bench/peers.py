"""Getting the servers here, each into the benchmark's own folder where that is possible.

Every function makes sure that one is installed, fetches it if not, and gives its version; CommandError is for what
cannot be had.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from bench import apt
from bench.commands import CommandError, run
from bench.places import CACHE, COMPILED, NODE, PYTHON, ROOT, SERVERS, VENV

GOSMTP = CACHE / "gosmtp"
_GO = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": ""}


def _version_of(package: str) -> str:
    return run([PYTHON, "-c", f"import importlib.metadata as m; print(m.version({package!r}), end='')"])


def _from_pypi(*packages: str) -> list[str]:
    """Have these packages in the benchmark's own environment; with their versions."""
    if not PYTHON.exists():
        run([sys.executable, "-m", "venv", VENV])
    try:
        return [f"{package} {_version_of(package)}" for package in packages]
    except CommandError:
        print(f"pip install {' '.join(packages)}", flush=True)
        run([PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages])
    return [f"{package} {_version_of(package)}" for package in packages]


def ourselves(*libraries: str) -> str:
    """This checkout, on released libraries of its extras."""
    try:
        revision = run(["git", "describe", "--always", "--dirty"], cwd=ROOT).strip()
    except CommandError:
        revision = "of unknown revision"
    return ", ".join([f"smtpcore {revision}", *_from_pypi(*libraries)])


def compiled(*libraries: str) -> str:
    """The same with a compiled core, which is built anew when a source has changed."""
    versions = ourselves(*libraries)
    sources = [ROOT / "pyproject.toml", ROOT / "hatch_build.py"]
    sources += [path for folder in ("smtpcore", "adapters") for path in (ROOT / folder).rglob("*.py")]
    if not COMPILED.exists() or COMPILED.stat().st_mtime < max(path.stat().st_mtime for path in sources):
        print("pip install . with SMTPCORE_MYPYC=1", flush=True)
        shutil.rmtree(COMPILED, ignore_errors=True)
        options = ("-q", "--disable-pip-version-check", "--no-deps", "--target", COMPILED)
        run([PYTHON, "-m", "pip", "install", *options, ROOT], env={"SMTPCORE_MYPYC": "1"})
    return f"{versions}, compiled by mypyc"


def ceiling() -> str:
    """The server with canned answers, which has the adapter's transport."""
    return ", ".join(["asyncio", *_from_pypi("anyio")])


def aiosmtpd(*libraries: str) -> str:
    """Aiosmtpd, with what it runs on."""
    return ", ".join(_from_pypi("aiosmtpd", *libraries))


def nodemailer() -> str:
    """The npm package smtp-server."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        apt.install("nodejs", "npm")
    package = NODE / "node_modules" / "smtp-server" / "package.json"
    if not package.exists():
        print("npm install smtp-server", flush=True)
        run(["npm", "install", "--prefix", NODE, "--ignore-scripts", "--no-audit", "--no-fund", "smtp-server"])
    version = run(["node", "-p", f"require({str(package)!r}).version"]).strip()
    return f"smtp-server {version} on node {run(['node', '--version']).strip()}"


def gosmtp() -> str:
    """go-smtp as Debian packages it, built without a network."""
    packages = ("golang-go", "golang-github-emersion-go-smtp-dev", "golang-github-emersion-go-sasl-dev")
    source = SERVERS / "gosmtp.go"
    if shutil.which("go") is None or not Path("/usr/share/gocode/src/github.com/emersion/go-smtp").exists():
        apt.install(*packages)
    if not GOSMTP.exists() or GOSMTP.stat().st_mtime < source.stat().st_mtime:
        run(["go", "build", "-o", GOSMTP, source], env=_GO)
    go = run(["go", "env", "GOVERSION"], env=_GO).strip()
    return f"go-smtp {apt.version(packages[1])}, {go}"


def smtp_sink() -> str:
    """The test server of Postfix."""
    if shutil.which("smtp-sink") is None and not Path("/usr/sbin/smtp-sink").exists():
        apt.install("postfix")
    return f"Postfix {apt.version('postfix')}"
