"""What all tests share: markers, certificates, and the proof that the right smtpcore is tested."""

from __future__ import annotations

import importlib.util
import os
import shutil
import ssl
import sysconfig
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from hypothesis import settings

ROOT = Path(__file__).parent.parent

pytest_plugins = ("pytester", "smtpcore_testing.plugin", "tests.conformance.plugin")

# The helpers beside the tests show both sides of a failed comparison, as the tests do.
for helper in sorted(Path(__file__).parent.rglob("[!_]*.py")):
    if not helper.name.startswith(("test_", "conftest")):
        pytest.register_assert_rewrite(".".join(helper.relative_to(ROOT).with_suffix("").parts))

# No deadline per example: a busy machine is no defect. CI draws the same examples in each run; other machines explore.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


def packages() -> list[str]:
    """The import packages of the distribution, as pyproject.toml lists them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [Path(folder).name for folder in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]]


def pytest_configure(config: pytest.Config) -> None:
    """With SMTPCORE_EXPECT_INSTALLED=1, stop unless each package comes from site-packages."""
    if os.environ.get("SMTPCORE_EXPECT_INSTALLED") != "1":
        return
    site_packages = Path(sysconfig.get_path("purelib")).resolve()
    for package in packages():
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None or not Path(spec.origin).resolve().is_relative_to(site_packages):
            where = "cannot be imported" if spec is None else f"comes from {spec.origin}"
            raise pytest.UsageError(f"{package} {where}; SMTPCORE_EXPECT_INSTALLED wants it from {site_packages}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip ``interop("swaks")`` where swaks is missing, or fail it where everything must be there (CI)."""
    for mark in item.iter_markers("interop"):
        missing = [tool for tool in mark.args if shutil.which(tool) is None]
        if missing:
            reason = f"not installed: {', '.join(missing)}"
            if os.environ.get("SMTPCORE_REQUIRE_TOOLS") == "1":
                pytest.fail(f"{reason}, and SMTPCORE_REQUIRE_TOOLS=1", pytrace=False)
            pytest.skip(reason)


@dataclass(frozen=True)
class TlsFiles:
    """The PEM files other programs are told to use."""

    ca: Path
    """The certificate of the authority, for those who verify."""
    cert: Path
    """The server's certificate chain."""
    key: Path
    """The server's private key."""


@pytest.fixture(scope="session")
def tls_authority() -> trustme.CA:
    """An authority of this test run that nobody else trusts."""
    return trustme.CA()


@pytest.fixture(scope="session")
def tls_certificate(tls_authority: trustme.CA) -> trustme.LeafCert:
    """The server's certificate: mx.test, localhost and the loopback addresses."""
    return tls_authority.issue_cert("mx.test", "localhost", "127.0.0.1", "127.0.0.77", "::1")


@pytest.fixture(scope="session")
def tls_files(
    tls_authority: trustme.CA, tls_certificate: trustme.LeafCert, tmp_path_factory: pytest.TempPathFactory
) -> TlsFiles:
    """The same certificates as files."""
    folder = tmp_path_factory.mktemp("tls")
    files = TlsFiles(ca=folder / "ca.pem", cert=folder / "cert.pem", key=folder / "key.pem")
    tls_authority.cert_pem.write_to_path(files.ca)
    for blob in tls_certificate.cert_chain_pems:
        blob.write_to_path(files.cert, append=True)
    tls_certificate.private_key_pem.write_to_path(files.key)
    files.key.chmod(0o600)
    return files


@pytest.fixture(scope="session")
def server_ssl_context(tls_certificate: trustme.LeafCert) -> ssl.SSLContext:
    """What a server under test is configured with."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    tls_certificate.configure_cert(context)
    return context


@pytest.fixture(scope="session")
def client_ssl_context(tls_authority: trustme.CA) -> ssl.SSLContext:
    """A client that trusts the authority, and verifies the certificate and its name."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    tls_authority.configure_trust(context)
    return context
