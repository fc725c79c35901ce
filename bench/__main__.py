"""The command: install what is missing, measure, print, and with `--write` keep the results."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from bench import generator, machine
from bench.certificate import certificate
from bench.commands import CommandError, run
from bench.competitors import CEILING, COMPETITORS, REFERENCE, Competitor
from bench.measure import measured
from bench.places import IMPORTS, RESULTS
from bench.process import allow_files
from bench.report import Run
from bench.results import Results
from bench.workloads import WORKLOADS, Workload


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of each workload on each server (default: 5)")
    parser.add_argument("--seconds", type=float, default=1.0, help="CPU time of a server in a round (default: 1)")
    parser.add_argument("--only", type=_words, metavar="W1,W2", help="only these workloads; 'core' is the core alone")
    parser.add_argument("--servers", type=_words, metavar="A,B", help="only servers whose names begin so")
    parser.add_argument("--write", action="store_true", help="keep the results in bench/RESULTS.md")
    return parser.parse_args()


def _installed(names: Sequence[str] | None) -> tuple[list[Competitor], dict[str, str], dict[str, str]]:
    """Who can take part, their versions, and why the others cannot."""
    present: list[Competitor] = []
    versions: dict[str, str] = {}
    missing: dict[str, str] = {}
    for each in COMPETITORS:
        if names is not None and not any(each.name.startswith(name) for name in names):
            continue
        try:
            versions[each.name] = each.install()
            present.append(each)
        except CommandError as error:
            missing[each.name] = str(error)
            print(f"missing: {each.name} ({error})", flush=True)
    return present, versions, missing


def _chosen(names: Sequence[str] | None) -> list[Workload]:
    return [each for each in WORKLOADS if names is None or each.name in names]


def main() -> None:
    """Run the benchmark."""
    arguments = _arguments()
    facts = machine.description()
    workloads = _chosen(arguments.only)
    try:
        generator.build()
        shown = certificate()
    except CommandError as error:
        sys.exit(f"nothing can be measured: {error}")
    present, versions, missing = _installed(arguments.servers)
    for each in workloads:
        if each.idle and allow_files(each.connections) < each.connections:
            facts.append(f"{each.name}: {allow_files(each.connections)} connections, by the limit of open files")
    results: Results = {}
    for each in workloads:
        print(f"{each.name}: {each.what}", flush=True)
        results[each.name] = measured(each, present, shown, arguments.rounds, arguments.seconds)
    core = ""
    if arguments.only is None or "core" in arguments.only:
        print("the core alone", flush=True)
        try:
            core = run([sys.executable, "-m", "bench.core", "--rounds", str(arguments.rounds)], env=IMPORTS)
        except CommandError as error:
            sys.exit(f"the core alone: {error}")
    text = Run(
        " ".join(["python -m bench", *sys.argv[1:]]), arguments.rounds, facts, versions, missing, workloads, results,
        REFERENCE, CEILING, core,
    ).text()  # fmt: skip
    print("\n" + text)
    if arguments.write:
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
