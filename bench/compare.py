#!/usr/bin/env python3
"""Compares Brenier with what a user would pick instead: the peers of bench/peers, on the workloads of bench/workloads.

Every program is a worker (bench/workloads/worker.h): it is asked for a workload and answers with a time. Machines are
shared and their clocks vary, so the workers take turns, Brenier, peer, Brenier, peer, and what is reported is the
median over the rounds of the ratio of two neighbouring times. Before that both sides must have computed the same
numbers; where they differ by more than float32 rounding there is no ratio, and the exit status is 1.
"""

import argparse
import json
import os
import pathlib
import re
import shlex
import statistics
import sys

sys.dont_write_bytecode = True

from worker_process import DISTURBED, Worker, WorkerError, undisturbed  # noqa: E402  (leaves no cache)

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ROOT / "bench" / "peers"
GET_PYTHON = "python3 -m venv build/peers && build/peers/bin/pip install torch jax geomloss"
# Digests are compared relative to the norm. Two orders of summation of float32 numbers differ by a few units in the
# last place, 2^-23; iterated workloads add up some tens of them.
TOLERANCE = 256 * 2.0**-23


def python_of_peers():
    own = ROOT / "build" / "peers" / "bin" / "python"
    return str(own) if own.exists() else sys.executable


def known_peers(build, device):
    """Name: (command, the line that gets it)."""
    python = python_of_peers()
    torch = [python, str(PEERS / "torch_peer.py")]
    forms = {"torch": [], "torch.compile": ["--compile"], "torch.published": ["--published"]}
    on_both = {name: ([*torch, *options], GET_PYTHON) for name, options in forms.items()}
    if device == "cuda":
        return on_both | {"torch.graphs": ([*torch, "--compile", "--graphs"], GET_PYTHON)}
    return on_both | {
        "jax": ([python, str(PEERS / "jax_peer.py")], GET_PYTHON),
        "adolc": ([str(build / "adolc_peer")], "sudo apt-get install libadolc-dev, then ./run compare"),
        "openblas": ([str(build / "openblas_peer")], "sudo apt-get install libopenblas-openmp-dev, then ./run compare"),
    }


def disagreement(ours, theirs):
    """None, or how two digests differ."""
    scale = max(abs(ours["norm"]), abs(theirs["norm"]))
    gap = max(abs(ours[key] - theirs[key]) for key in ("norm", "projection"))
    if gap <= TOLERANCE * scale:
        return None
    return f"results differ by {gap / scale if scale else gap:.1e} of their norm"


def compare(brenier, peer, workload, rounds):
    """A row without the names, and the share of time waited for a core. Raises WorkerError where there is nothing to
    compare."""
    ours, theirs, ratios, fractions, waited = [], [], [], [], []
    for _ in range(rounds):
        mine, our_wait = undisturbed(brenier, workload)
        other, their_wait = undisturbed(peer, workload)
        waited.append(max(our_wait, their_wait))
        ours.append(mine["us"])
        theirs.append(other["us"])
        ratios.append(theirs[-1] / ours[-1])
        if mine.get("bound_us"):
            fractions.append(mine["bound_us"] / ours[-1])
    row = {
        "peer_us": round(statistics.median(theirs), 4),
        "brenier_us": round(statistics.median(ours), 4),
        "ratio": round(statistics.median(ratios), 3),
        "fraction_of_bound": round(statistics.median(fractions), 4) if fractions else None,
    }
    return row, statistics.median(waited)


class Comparison:
    """All workloads on one number of threads."""

    def __init__(self, options, threads, peers):
        self.options, self.threads = options, threads
        self.brenier = Worker(options.brenier, threads, options.device)
        self.peers = {}
        self.remarks, self.disagreements = {}, 0  # remarks: (peer, what) -> workloads
        for name, (command, how_to_get) in peers.items():
            try:
                self.peers[name] = Worker(command, threads, "cuda" if options.device == "cuda" else "cpu")
            except WorkerError as error:
                print(f"{name} is left out ({error}). To get it: {how_to_get}")

    def close(self):
        for worker in (self.brenier, *self.peers.values()):
            worker.close()

    def remark(self, name, what, workload):
        self.remarks.setdefault((name, what), []).append(workload)

    def row(self, workload, name):
        """The row of one peer, or None with a remark."""
        peer = self.peers[name]
        try:
            theirs = peer.ask(f"check {workload}")
            if "skip" in theirs:
                raise WorkerError(theirs["skip"])
            ours = self.brenier.ask(f"check {workload}")
            if "skip" in ours:
                raise WorkerError(f"Brenier: {ours['skip']}")
            difference = disagreement(ours, theirs)
            if difference:
                self.disagreements += 1
                raise WorkerError(difference)
            measured, waited = compare(self.brenier, peer, workload, self.options.rounds)
        except WorkerError as error:
            self.remark(name, f"no ratio, {error}", workload)
            if self.brenier.process.poll() is not None:
                sys.exit(f"compare: Brenier's worker ended at {workload}: {error}")  # status 1
            if peer.process.poll() is not None:
                del self.peers[name]
            return None
        if waited >= DISTURBED:
            self.remark(name, "disturbed by other programs", workload)
        parts = workload.split("/")
        return {
            "workload": workload,
            "activation": next((p for p in parts if p in ("gaussian", "logistic", "sigmoid", "tanh")), None),
            "threads": self.threads,
            "device": self.options.device,
            "peer": name,
            "peer_version": peer.hello["version"],
            **measured,
        }

    def run(self, workloads, names, out):
        for workload in workloads:
            rows = {name: self.row(workload, name) for name in list(self.peers)}
            done = [row for row in rows.values() if row]
            for row in done:
                out(row)
            if done:
                best = min(done, key=lambda row: row["brenier_us"])
                print_line(workload, self.threads, best, [rows.get(name) for name in names])
        for (name, what), concerned in self.remarks.items():
            others = f" and {len(concerned) - 1} more" if len(concerned) > 1 else ""
            print(f"  {name}, {self.threads} thread(s): {what}: {concerned[0]}{others}")


def significant(value):
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def print_header(names):
    columns = "".join(f"{name:>15}" for name in names)
    print(f"\n{'workload':32}{'threads':>8}{'Brenier us':>12}{'of bound':>10}{columns}")


def print_line(workload, threads, row, rows):
    fraction = row["fraction_of_bound"]
    bound = f"{100 * fraction:.0f} %" if fraction else "-"
    cells = "".join(f"{significant(r['ratio']) + 'x' if r else '-':>15}" for r in rows)
    print(f"{workload:32}{threads:>8}{significant(row['brenier_us']):>12}{bound:>10}{cells}", flush=True)


def fail(message):
    print(f"compare: {message}", file=sys.stderr)
    sys.exit(2)


class OneLineParser(argparse.ArgumentParser):
    def error(self, message):
        fail(f"{message}; --help explains the options")


def parse_options(arguments):
    parser = OneLineParser(prog="./run compare", description=__doc__.split("\n\n")[0], allow_abbrev=False)
    add = parser.add_argument
    add("--only", metavar="PATTERN", default="", help="workloads whose name contains this regular expression")
    add("--threads", metavar="N[,N]", help="numbers of threads (default: 1,2; 1 on another device than the CPU)")
    add("--device", metavar="NAME", default="cpu", help="cpu, cuda or cuda-on-host; peers run on the CPU or on cuda")
    add("--rounds", metavar="R", default="5", help="turns that Brenier and each peer take (default: 5)")
    add("--peers", metavar="NAMES", help="only these, separated by commas (default: all there are)")
    add("--peer", metavar="NAME=COMMAND", action="append", default=[], help="add a worker program; may be repeated")
    add("--out", metavar="FILE", help="write one line of JSON per ratio; the file must not exist")
    add("--list", action="store_true", help="print the workloads and peers and end")
    add("--check-options", action="store_true", help=argparse.SUPPRESS)  # for ./run, before it builds
    add("--brenier", metavar="COMMAND", help="Brenier's own worker (default: build/release/bench/brenier_worker)")
    options = parser.parse_args(arguments)
    try:
        options.only = re.compile(options.only)
    except re.error as error:
        fail(f"--only is not a regular expression: {error}")
    if options.device not in ("cpu", "cuda", "cuda-on-host"):
        fail(f"--device must be cpu, cuda or cuda-on-host, got '{options.device}'")
    if options.threads is None:
        options.threads = "1,2" if options.device == "cpu" else "1"
    options.threads = positive_numbers("--threads", options.threads)
    options.rounds = positive_numbers("--rounds", options.rounds)
    if len(options.rounds) != 1:
        fail("--rounds needs one whole number")
    options.rounds = options.rounds[0]
    options.brenier = shlex.split(options.brenier or str(ROOT / "build" / "release" / "bench" / "brenier_worker"))
    return options


def positive_numbers(option, text):
    parts = text.split(",")
    if not all(re.fullmatch(r"[1-9][0-9]{0,3}", part) for part in parts):
        fail(f"{option} needs whole numbers from 1 to 9999, got '{text}'")
    return [int(part) for part in parts]


def chosen_peers(options):
    peers = known_peers(pathlib.Path(options.brenier[0]).resolve().parent, options.device)
    for text in options.peer:
        name, equals, command = text.partition("=")
        if not equals or not re.fullmatch(r"[\w.-]+", name) or not command.strip():
            fail(f"--peer needs NAME=COMMAND, got '{text}'")
        peers[name] = (shlex.split(command), "see why its command does not start")
    if options.peers is None:
        return peers
    names = options.peers.split(",")
    unknown = [name for name in names if name not in peers]
    if unknown:
        fail(f"there is no peer '{unknown[0]}'; there are {', '.join(peers)}")
    return {name: peers[name] for name in names}


def check_out(path):
    """Fails unless the file can be made."""
    if path is None:
        return
    try:
        open(path, "x").close()
        os.remove(path)
    except FileExistsError:
        fail(f"{path} exists; choose another name for --out, or remove it")
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror}")


def open_out(path):
    """A function that writes one row."""
    if path is None:
        return lambda row: None
    file = open(path, "x", encoding="utf-8")

    def write(row):
        file.write(json.dumps(row) + "\n")
        file.flush()

    return write


def main(arguments):
    options = parse_options(arguments)
    peers = chosen_peers(options)
    check_out(options.out)
    if options.check_options:
        return 0
    try:
        first = Worker(options.brenier, 1, options.device)
        every = first.ask("list").get("workloads", [])
        first.close()
    except WorkerError as error:
        fail(f"Brenier's worker does not run: {error}")
    workloads = [name for name in every if options.only.search(name)]
    if not workloads:
        fail(f"no workload matches '{options.only.pattern}'; --list prints them")
    if options.list:
        print("\n".join([*workloads, f"peers: {', '.join(peers)}"]))
        return 0
    out = open_out(options.out)
    disagreements = 0
    for threads in options.threads:
        comparison = Comparison(options, threads, peers)
        try:
            names = list(comparison.peers)
            if names:
                print_header(names)
                comparison.run(workloads, names, out)
        finally:
            comparison.close()
        disagreements += comparison.disagreements
    print("\nRatios are peer time / Brenier time: above 1, Brenier is faster.")
    return 1 if disagreements else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
