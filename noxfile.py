"""What is run for a release, each in an environment of its own: `nox`, or `nox -s wheel`.

Continuous integration runs none of it, but `make test`. RELEASING.md has the order.
"""

import tempfile
from pathlib import Path

import nox

PYTHONS = ["3.11", "3.12", "3.13"]
EXTRAS = "molecules,parquet,excel,report,slurm,torchao,gguf,onnxruntime,openvino,dp"
FAST = ["python", "-m", "pytest", "-n", "auto", "--maxprocesses", "4", "-m", "not slow"]
ONE_CORE = {"OMP_NUM_THREADS": "1"}  # for each of the processes, which share the cores
ROOT = Path(__file__).parent

nox.options.error_on_missing_interpreters = True
nox.options.reuse_existing_virtualenvs = True


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The fast tests with locked dependencies, then the mixture. Not in continuous integration."""
    session.install("-r", "requirements.lock")
    session.install("--no-deps", "-e", ".")
    session.run(*FAST, env=ONE_CORE)
    session.run("quantmia", "run", f"hydra.run.dir={session.create_tmp()}/mixture")


@nox.session(python=PYTHONS[0], venv_backend="uv")
def minimum(session: nox.Session) -> None:
    """The fast tests with the lowest versions that are allowed. Not in continuous integration.

    Of what users install; pytest and its kind are the newest, for which the rest stays as it is.
    """
    session.install("--resolution", "lowest-direct", "-e", f".[{EXTRAS}]")
    session.install("-e", f".[{EXTRAS},dev]")
    session.run(*FAST, env=ONE_CORE)


@nox.session(python=PYTHONS[0], venv_backend="uv")
def bare(session: nox.Session) -> None:
    """The mixture with the lowest versions and no extra, which ask for more. As above."""
    session.install("--resolution", "lowest-direct", ".")
    session.run("quantmia", "run", "runs=8", f"hydra.run.dir={session.create_tmp()}/mixture")


@nox.session(python=PYTHONS[-1], venv_backend="uv")
def newest(session: nox.Session) -> None:
    """The fast tests with the newest versions. Not in continuous integration."""
    session.install("--upgrade", "-e", f".[{EXTRAS},dev]")
    session.run(*FAST, env=ONE_CORE)


@nox.session(python=False)
def lint(session: nox.Session) -> None:
    """What `make lint` runs, which is in continuous integration as a part of `make test`."""
    session.run("make", "lint", external=True)


@nox.session(python=PYTHONS[0])
def docs(session: nox.Session) -> None:
    """The site, where every warning is an error. Not in continuous integration."""
    session.install("-e", ".[docs]")
    site = f"{session.create_tmp()}/site"
    quiet = {"NO_MKDOCS_2_WARNING": "1"}
    session.run("mkdocs", "build", "--strict", "--site-dir", site, env=quiet)


@nox.session(python=PYTHONS[0])
def wheel(session: nox.Session) -> None:
    """Built, checked, installed without an extra and used. Not in continuous integration."""
    session.install("build", "check-wheel-contents", "twine")
    session.run("rm", "-rf", "dist", external=True)
    session.run("python", "-m", "build")
    built = [str(each) for each in sorted((ROOT / "dist").iterdir())]
    session.run("twine", "check", "--strict", *built)
    (archive,) = (each for each in built if each.endswith(".whl"))
    session.run("check-wheel-contents", archive)
    session.run("python", "-m", "venv", "--clear", f"{session.create_tmp()}/empty")
    binaries = Path(session.create_tmp(), "empty", "bin").resolve()
    session.run(str(binaries / "pip"), "install", archive, external=True)
    with tempfile.TemporaryDirectory() as elsewhere, session.chdir(elsewhere):
        session.run(str(binaries / "quantmia"), "list", external=True)
        session.run(str(binaries / "quantmia"), "run", "runs=8", external=True)
