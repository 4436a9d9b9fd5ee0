"""Files that want to run code, or all the memory and time there is; each made from scratch.

`MALICIOUS` maps a name to (how to write the file at a path, what the refusal says). Pickles are
written operation by operation: no library would write most of these.
"""

import builtins
import io
import os
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict

import numpy as np
import torch

REBUILD = "torch._utils _rebuild_tensor_v2"
LOAD = "torch.storage _load_from_bytes"


class Calls:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def touch(path):
    return Calls(os.system, f"touch {path.parent / 'ran'}")


def glob(names):
    module, _, name = names.partition(" ")
    return f"c{module}\n{name}\n".encode()


def number(n):
    return b"\x8a\x0a" + n.to_bytes(10, "little", signed=True)


def text(value):
    value = value.encode()
    return b"X" + struct.pack("<I", len(value)) + value


def numbers(*values):
    return b"(" + b"".join(number(v) for v in values) + b"t"


def program(*operations):
    return b"\x80\x02" + b"".join(operations) + b"."


def as_file(data):
    return lambda path: path.write_bytes(data)


def pickled(make):
    return lambda path: path.write_bytes(pickle.dumps({"G_ema": make(path)}, 4))


def zipped(data, storage=b"\0" * 64, size=16, **options):
    """A checkpoint whose data.pkl is given, with one storage of float32."""

    def write(path):
        with zipfile.ZipFile(path, "w", **options) as z:
            z.writestr("archive/data.pkl", data)
            z.writestr("archive/data/0", storage)

    return write


def storage_id(size=16):
    return (
        b"("
        + text("storage")
        + glob("torch FloatStorage")
        + text("0")
        + text("cpu")
        + number(size)
        + b"tQ"
    )


def tensor(size, stride, offset=0, stored=16):
    """The operations of one tensor on the storage of `zipped`."""
    return (
        glob(REBUILD)
        + b"("
        + storage_id(stored)
        + number(offset)
        + numbers(*size)
        + numbers(*stride)
        + b"\x89"
        + glob("collections OrderedDict")
        + b")RtR"
    )


def torch_saved(make, zipped=True):
    return lambda path: torch.save(make(path), path, _use_new_zipfile_serialization=zipped)


def nested(data):
    """The bytes of a pickle where NVlabs files keep a storage."""
    return program(glob(LOAD), b"B", struct.pack("<I", len(data)), data, b"\x85R")


def legacy_storage(size, declared):
    """A legacy file of one storage that declares one size and brings another."""
    pieces = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    head = b"".join(pickle.dumps(p, 2) for p in pieces)
    root = program(storage_id(declared))
    return head + root + pickle.dumps(["0"], 2) + struct.pack("<q", declared) + b"\0" * size


def link(path):
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("archive/data.pkl", program(b"N"))
        entry = zipfile.ZipInfo("archive/data/0")
        entry.external_attr = 0o120777 << 16
        z.writestr(entry, "/etc/passwd")


def bomb(path):
    """A hundred kilobytes that would be a hundred megabytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("archive/data.pkl", program(b"N"))
        z.writestr("archive/data/0", b"\0" * 100_000_000)


def overlapping(path):
    """Many entries of the directory that share one content."""
    zipped(program(b"N"), b"\0" * 100_000)(path)
    data = bytearray(path.read_bytes())
    end = data.rindex(b"PK\x05\x06")
    count, size, at = struct.unpack_from("<HII", data, end + 10)
    last = data.rindex(b"PK\x01\x02")
    extra = b"".join(
        bytes(data[last:end]).replace(b"data/0", f"data/{i}".encode()) for i in range(1, 10)
    )
    # the header in front of the content has another name, so each fails at the latest there
    struct.pack_into("<HHII", data, end + 8, count + 9, count + 9, size + len(extra), at)
    path.write_bytes(bytes(data[:end]) + extra + bytes(data[end:]))


def within(path):
    """Entries that begin in one another, whose checksums would take the square of their number."""
    names = [b"archive/data/%d" % i for i in range(100)]
    local = [
        struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0) + name
        for name in names
    ]
    body = b"".join(local) + bytes(10_000)
    listed, offset = b"", 0
    for name, head in zip(names, local, strict=True):
        size = len(body) - offset - len(head)
        fields = (b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, size, size, len(name), 0, 0, 0, 0, 0, offset)
        listed += struct.pack("<4s6H3I5H2I", *fields) + name
        offset += len(head)
    count = len(names)
    end = struct.pack("<4s4HIIH", b"PK\5\6", 0, 0, count, count, len(listed), len(body), 0)
    path.write_bytes(body + listed + end)


def crowded(path):
    with zipfile.ZipFile(path, "w") as z:
        for i in range(30_000):
            z.writestr(zipfile.ZipInfo(f"archive/data/{i}"), b"")


def escaping(path):
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("archive/data.pkl", program(b"N"))
        z.writestr("../../ran", "x")


def laughs(depth):
    """A list of two lists of two lists …: small here, without end for who walks it."""
    body = b"]q\x00"
    for _ in range(depth):
        body += b"](h\x00h\x00eq\x00"
    return program(body)


MALICIOUS = {
    "os.system": (pickled(touch), "wants to call (posix|nt).system"),
    "os.system, torch zip": (torch_saved(touch), "system"),
    "os.system, torch legacy": (torch_saved(touch, zipped=False), "system"),
    "os.system in a state": (
        lambda path: path.write_bytes(pickle.dumps(OrderedDict(a=[{"b": touch(path)}]), 2)),
        "system",
    ),
    "eval": (pickled(lambda path: Calls(eval, "__import__('os')")), "builtins.eval"),
    "exec": (pickled(lambda path: Calls(exec, "import os")), "builtins.exec"),
    "getattr": (pickled(lambda path: Calls(getattr, {}, "clear")), "builtins.getattr"),
    "import": (pickled(lambda path: Calls(builtins.__import__, "os")), "__import__"),
    "open": (pickled(lambda path: Calls(open, str(path.parent / "ran"), "w")), "open"),
    "dotted name": (as_file(program(text("os"), text("path.join"), b"\x93)R")), "os.path.join"),
    "torch.load": (as_file(program(glob("torch load"), text("x"), b"\x85R")), "torch.load"),
    "sparse tensor": (
        as_file(program(glob("torch._utils _rebuild_sparse_tensor"), b")R")),
        "_rebuild_sparse_tensor",
    ),
    "object of a class": (as_file(program(glob("os _wrap_close"), b")\x81")), "an object of os"),
    "a path of Python": (
        as_file(program(glob("pathlib PosixPath"), b")\x81")),
        "object of pathlib",
    ),
    "a class from arguments": (
        as_file(program(glob("strange Class"), b"K\x01\x85\x81")),
        "from arguments",
    ),
    "state of a function": (as_file(program(glob("os system"), b"}b")), "sets the state of os.sys"),
    "INST": (as_file(program(b"(", text("true"), b"ios\nsystem\n")), "operation i"),
    "OBJ": (as_file(program(b"(", glob("os system"), text("true"), b"o")), "operation o"),
    "EXT": (as_file(program(b"\x82\x01", b"." * 20)), "operation"),
    "terminal escapes in a name": (
        as_file(program(glob("os\x1b[31m system"), b")R")),
        r"os\\x1b\[31m.system",
    ),
    "nested pickle": (as_file(nested(pickle.dumps(1))), "torch.save did not write"),
    "code in a nested pickle": (
        lambda path: path.write_bytes(nested(pickle.dumps(touch(path)))),
        "system",
    ),
    "pickle in a pickle in a pickle": (
        as_file(nested(nested(nested(legacy_storage(64, 16))))),
        "pickle in a pickle",
    ),
    "huge shape": (zipped(program(tensor((2**40, 2**20), (1, 1)))), "too large"),
    "huge shape of nothing": (zipped(program(tensor((0, 2**60), (1, 1)))), "too large"),
    "shape beyond the storage": (zipped(program(tensor((17,), (1,)))), "beyond its storage"),
    "offset beyond the storage": (
        zipped(program(tensor((4,), (1,), offset=2**62))),
        "beyond its storage",
    ),
    "negative offset": (zipped(program(tensor((4,), (1,), offset=-1))), "not numbers"),
    "negative stride": (zipped(program(tensor((4,), (-1,), offset=8))), "not numbers"),
    "a shape of many dimensions": (zipped(program(tensor([1] * 60, [1] * 60))), "60 dimensions"),
    "strides of nought": (zipped(program(tensor((1000, 1000), (0, 0)))), "strides overlap"),
    "overlapping strides": (zipped(program(tensor((4, 4), (1, 1)))), "strides overlap"),
    "huge stride": (zipped(program(tensor((2,), (2**62,)))), "beyond its storage"),
    "storage larger than the entry": (
        zipped(program(storage_id(2**40)), size=2**40),
        "more than the file has",
    ),
    "legacy storage larger than the file": (
        as_file(legacy_storage(64, 2**38)),
        "more than the file has",
    ),
    "legacy storage cut short": (as_file(legacy_storage(60, 16)), "cut short"),
    "many views of one storage": (
        zipped(program(b"](", *[tensor((16384,), (1,), stored=16384)] * 300, b"e"), b"\0" * 65536),
        "four times as large",
    ),
    "a list in itself": (as_file(program(b"]q\x00h\x00a" + b"N0" * 8)), "holds itself"),
    "lists in lists": (as_file(program(b"]" * 60_000 + b"a" * 59_999)), "100 deep"),
    "tuples in tuples": (as_file(program(b")" + b"\x85" * 250_000)), "100 deep"),
    "a key of tuples in tuples": (
        as_file(program(b"}" + b")" + b"\x85" * 250_000 + b"Ns")),
        "a tuple as a key",
    ),
    "a set of tuples in tuples": (
        as_file(program(b"\x8f(" + b")" + b"\x85" * 250_000 + b"\x90")),
        "a tuple as a key",
    ),
    "billion laughs": (as_file(laughs(90)), "again and again"),
    "memo bomb": (as_file(program(b"Nr\xff\xff\xff\xff" * 600_000)), "300000 steps"),
    "endless loop of marks": (as_file(program(b"(1" * 400_000)), "300000 steps"),
    "sets of a long list": (
        as_file(
            program(
                b"]q\x00(" + b"K\x01" * 50_000 + b"e",
                *[glob("builtins set") + b"h\x00\x85R"] * 1000,
            )
        ),
        "300000 steps",
    ),
    "storages of the same bytes": (
        as_file(
            program(
                b"B" + struct.pack("<I", len(legacy_storage(400_000, 100_000))),
                legacy_storage(400_000, 100_000) + b"q\x00",
                *[glob(LOAD) + b"h\x00\x85R"] * 1000,
            )
        ),
        "more than the file has",
    ),
    "text encoded again and again": (
        as_file(
            program(
                text("x" * 1_000_000) + b"q\x00",
                *[glob("_codecs encode") + b"h\x00" + text("latin1") + b"\x86R"] * 1000,
            )
        ),
        "four times as large",
    ),
    "a long name of two strings": (
        as_file(program(text("a" * 1_000_000) + b"q\x00(" + b"h\x00h\x00\x93" * 2000 + b"t")),
        "a name of more than 200 bytes",
    ),
    "names of the same strings": (
        as_file(program(text("a" * 200) + b"q\x00(" + b"h\x00h\x00\x93" * 50_000 + b"t")),
        "four times as large",
    ),
    "a device of many parts": (
        as_file(
            program(
                glob("torch device") + b"q\x01(" + text("a" * 80) + b"q\x00" + b"h\x00" * 20_000,
                b"tq\x02(" + b"h\x01h\x02R" * 300 + b"t",
            )
        ),
        "damaged",
    ),
    "devices of the same string": (
        as_file(
            program(
                glob("torch device") + b"q\x01" + text("a" * 80) + b"\x85q\x02(",
                b"h\x01h\x02R" * 50_000 + b"t",
            )
        ),
        "four times as large",
    ),
    "string longer than the file": (
        as_file(program(b"X\xff\xff\xff\x7f" + b"a" * 20)),
        "cut short",
    ),
    "bytes longer than the file": (
        as_file(program(b"\x8e" + struct.pack("<Q", 2**62) + b"a" * 20)),
        "cut short",
    ),
    "a long string": (as_file(program(text("😀" * 10_000_000))), "a string of 40000000 bytes"),
    "colliding keys": (
        as_file(program(b"}(", *[number(k * (2**61 - 1)) + b"N" for k in range(1, 100_000)], b"u")),
        "as a key",
    ),
    "zip bomb": (bomb, "compressed or encrypted"),
    "symbolic link in a zip": (link, "symbolic link"),
    "overlapping entries": (overlapping, "damaged|overlap"),
    "entries in one another": (within, "entries that overlap"),
    "a zip of many entries": (crowded, "entries, more than"),
    "a zip that escapes": (escaping, "none that torch.save writes"),
    "a TensorFlow snapshot": (
        as_file(program(glob("dnnlib.tflib.network Network"), b")\x81}b")),
        "TensorFlow snapshot",
    ),
    "a long header of safetensors": (
        as_file(struct.pack("<Q", 40_000_000) + b'{"a":1}' + b" " * 40_000_000),
        "neither safetensors",
    ),
    "no pickle": (as_file(b"GIF89a" + b"\0" * 100), "neither safetensors"),
    "nothing": (as_file(b""), "too short"),
    "half a pickle": (as_file(pickle.dumps(list(range(1000)))[:-300]), "damaged"),
    "an empty stack": (as_file(program(b"0" * 30)), "damaged"),
}


def official():
    """A small file of every kind that is read: what mutations start from."""
    from tests.plugins.sgilo.published.layouts import Persistent

    state = {"_parameters": {"w": torch.nn.Parameter(torch.randn(2, 3))}, "_modules": {}, "n": 1.5}
    layer = torch.nn.ReLU()  # an object of a class that is not ours
    tree = {
        "g": OrderedDict(a=torch.randn(2, 2)),
        "D": [layer, np.arange(3.0)],
        "n": [1, None, (True,), {"k"}],
        "t": "text",
    }
    out = []
    for zip_ in (True, False):
        buffer = io.BytesIO()
        torch.save(tree, buffer, _use_new_zipfile_serialization=zip_)
        out.append(buffer.getvalue())
    return [*out, persistent({"G_ema": Persistent("Generator", state), **tree})]


def persistent(tree):
    """The bytes of a snapshot in NVlabs' form."""
    from tests.plugins.sgilo.published.layouts import pickle_bytes

    assert "torch_utils" not in sys.modules
    return pickle_bytes(tree)
