"""A worker (bench/workloads/worker.h) as a running process: how bench/compare.py starts one and asks it for times."""

import json
import os
import pathlib
import select
import subprocess
import tempfile
import time

DISTURBED, ATTEMPTS = 0.05, 3  # see undisturbed()
ANSWER_SECONDS = 900  # a compiler may be at work


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

    def __init__(self, command, threads, device="cpu"):
        self.errors = tempfile.TemporaryFile()
        try:
            self.process = subprocess.Popen(
                [*command, "--threads", str(threads), *(() if device == "cpu" else ("--device", device))],
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
