"""Mutations of files that are read: python -m tests.weights.unpickle.fuzz --count 1000000

Starts from one file of every kind; flips, cuts, doubles and splices bytes, puts in operations and
large numbers. The content of a zip is mutated before it is packed half of the time, or its
checksums would end all. Whatever comes in, there is a tree or a refusal, in bounded memory.
"""

import argparse
import io
import random
import resource
import time
import zipfile
from pathlib import Path

import torch

from invprob.weights.unpickle.inert import Inert, Name
from invprob.weights.unpickle.limits import Refused
from invprob.weights.unpickle.opcodes import TABLE
from invprob.weights.unpickle.opening import read
from tests.weights.unpickle import fixtures

OPERATIONS = bytes(TABLE)
LARGE = [b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\x80", b"\xff" * 8, b"\0" * 8]
PLAIN = (str, bytes, bool, int, float, type(None), memoryview, Name)
MEMORY = 1 << 30
"""Bytes of address space that the fuzzing may add."""


def seeds():
    """The files to begin with."""
    torch.manual_seed(0)
    return fixtures.official()


def mutated(data, others, rng):
    """A few random changes."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at = rng.randrange(len(data) + 1)
        span = min(rng.choice((1, 2, 4, 8, 64)), len(data) - at)
        what = rng.randrange(8)
        if what == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif what == 1 and at < len(data):
            data[at] = rng.randrange(256)
        elif what == 2:
            del data[at : at + span]
        elif what == 3:
            data[at:at] = data[at : at + span]
        elif what == 4:
            other = rng.choice(others)
            begin = rng.randrange(len(other))
            data[at : at + span] = other[begin : begin + rng.choice((1, 4, 16, 64))]
        elif what == 5:
            data[at:at] = bytes([rng.choice(OPERATIONS)])
        elif what == 6 and at < len(data):
            data[at] = rng.choice(OPERATIONS)
        elif what == 7:
            data[at : at + 4] = rng.choice(LARGE)
    return bytes(data)


def packed(data, others, rng):
    """A mutation; of a zip file half of the time one of its content, packed again."""
    if data[:2] != b"PK" or rng.random() < 0.5:
        return mutated(data, others, rng)
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith("data.pkl"):
                content = mutated(content, others, rng)
            new.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def check(tree):
    """All of an accepted tree is of the kinds that are promised, and all numbers can be read."""
    if isinstance(tree, torch.Tensor):
        assert tree.device.type == "cpu"
        assert not tree.requires_grad
        assert tree.untyped_storage().nbytes() < 1 << 20
        tree.clone()
    elif isinstance(tree, Inert):
        check(tree.state)
    elif isinstance(tree, dict):
        for key, value in tree.items():
            assert isinstance(key, PLAIN)
            check(value)
    elif isinstance(tree, (list, tuple)):
        for value in tree:
            check(value)
    else:
        assert isinstance(tree, (*PLAIN, set)), type(tree)


def fuzz(count, seed, seconds=float("inf")):
    """(mutations made, accepted, the slowest in seconds); raises what `read` should not."""
    rng = random.Random(seed)
    given = seeds()
    accepted, slowest, start = 0, 0.0, time.monotonic()
    for done in range(count):
        if done % 256 == 0 and time.monotonic() - start > seconds:
            return done, accepted, slowest
        data = packed(rng.choice(given), given, rng)
        before = time.process_time()
        try:
            tree = read(memoryview(data)) if data else None
        except Refused:
            pass
        except BaseException:
            print("crashed on", data.hex())
            raise
        else:
            check(tree)
            accepted += 1
        slowest = max(slowest, time.process_time() - before)
    return count, accepted, slowest


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    told = parser.parse_args()
    seeds()  # what libraries take is taken before the limit is set
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    start = time.monotonic()
    done, accepted, slowest = fuzz(told.count, told.seed, told.seconds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{done} mutations in {time.monotonic() - start:.0f} s, {accepted} accepted,"
        f" slowest {slowest:.3f} s, peak {peak} MB"
    )


if __name__ == "__main__":
    main()
