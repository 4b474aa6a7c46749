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
import select
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ROOT / "bench" / "peers"
GET_PYTHON = "python3 -m venv build/peers && build/peers/bin/pip install torch jax"
# Digests are compared relative to the norm. Two orders of summation of float32 numbers differ by a few units in the
# last place, 2^-23; iterated workloads add up some tens of them.
TOLERANCE = 256 * 2.0**-23
DISTURBED, ATTEMPTS = 0.05, 3  # see undisturbed()
ANSWER_SECONDS = 900  # a compiler may be at work


def python_of_peers():
    own = ROOT / "build" / "peers" / "bin" / "python"
    return str(own) if own.exists() else sys.executable


def known_peers(build):
    """Name: (command, the line that gets it)."""
    python = python_of_peers()
    return {
        "torch": ([python, str(PEERS / "torch_peer.py")], GET_PYTHON),
        "torch.compile": ([python, str(PEERS / "torch_peer.py"), "--compile"], GET_PYTHON),
        "jax": ([python, str(PEERS / "jax_peer.py")], GET_PYTHON),
        "adolc": ([str(build / "adolc_peer")], "sudo apt-get install libadolc-dev, then ./run compare"),
        "openblas": ([str(build / "openblas_peer")], "sudo apt-get install libopenblas-openmp-dev, then ./run compare"),
    }


def worker_environment(threads):
    """What is best for every peer: one thread pool of the right size, and memory that is kept between steps."""
    environment = dict(os.environ)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        environment[name] = str(threads)
    environment |= {
        "MALLOC_MMAP_MAX_": "0",
        "MALLOC_TRIM_THRESHOLD_": str(2**34),
        "MALLOC_TOP_PAD_": str(2**26),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        flags = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        flags = ""
    environment["NPROC"] = str(threads)  # the size of XLA's thread pool
    if "avx512f" in flags:  # libraries that do not know the processor fall back to narrower kernels
        environment.setdefault("ATEN_CPU_CAPABILITY", "avx512")
        environment.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
    return environment


class WorkerError(Exception):
    pass


class Worker:
    """A running worker."""

    def __init__(self, command, threads):
        self.errors = tempfile.TemporaryFile()
        try:
            self.process = subprocess.Popen(
                [*command, "--threads", str(threads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.errors,
                env=worker_environment(threads),
            )
        except OSError as error:
            raise WorkerError(error.strerror) from None
        self.buffer = b""
        self.hello = self.read()
        if not {"peer", "version", "threads"} <= self.hello.keys():
            raise WorkerError("does not speak the protocol of bench/workloads/worker.h")

    def read(self):
        while b"\n" not in self.buffer:
            ready, _, _ = select.select([self.process.stdout], [], [], ANSWER_SECONDS)
            data = os.read(self.process.stdout.fileno(), 1 << 16) if ready else b""
            if not data:
                self.process.kill()
                raise WorkerError(self.last_words() if ready else f"no answer in {ANSWER_SECONDS} s")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            self.process.kill()
            raise WorkerError("does not speak the protocol of bench/workloads/worker.h")
        return answer

    def ask(self, request):
        try:
            self.process.stdin.write(request.encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            raise WorkerError(self.last_words()) from None
        return self.read()

    def last_words(self):
        self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"ended with status {self.process.returncode}"

    def close(self):
        self.process.kill()
        self.process.wait()


def disagreement(ours, theirs):
    """None, or how two digests differ."""
    scale = max(abs(ours["norm"]), abs(theirs["norm"]))
    gap = max(abs(ours[key] - theirs[key]) for key in ("norm", "projection"))
    if gap <= TOLERANCE * scale:
        return None
    return f"results differ by {gap / scale if scale else gap:.1e} of their norm"


def waited_seconds(process):
    """How long the threads of a process have been ready to run but without a core, so far."""
    total = 0
    for path in pathlib.Path(f"/proc/{process.pid}/task").glob("*/schedstat"):
        try:
            total += int(path.read_text().split()[1])
        except (OSError, IndexError, ValueError):
            pass
    return total * 1e-9


def undisturbed(worker, workload):
    """The answer to a request for a time, and the share of it that the worker waited for a core.

    Other programs on the machine hurt peers with spinning thread pools far more than others, so a disturbed answer is
    asked for again, up to ATTEMPTS times; the least disturbed one counts."""
    best, least = None, float("inf")
    for _ in range(ATTEMPTS):
        waited, start = waited_seconds(worker.process), time.monotonic()
        answer = worker.ask(workload)
        if "us" not in answer:
            raise WorkerError(answer.get("skip", "no time in the answer"))
        share = (waited_seconds(worker.process) - waited) / (time.monotonic() - start)
        if share < least:
            best, least = answer, share
        if least < DISTURBED:
            break
    return best, least


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
        self.brenier = Worker(options.brenier, threads)
        self.peers = {}
        self.remarks, self.disagreements = {}, 0  # remarks: (peer, what) -> workloads
        for name, (command, how_to_get) in peers.items():
            try:
                self.peers[name] = Worker(command, threads)
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
    add("--threads", metavar="N[,N]", default="1,2", help="numbers of threads (default: 1,2)")
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
    peers = known_peers(pathlib.Path(options.brenier[0]).resolve().parent)
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
        first = Worker(options.brenier, 1)
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
