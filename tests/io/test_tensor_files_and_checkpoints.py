import os
import pickle
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from invprob.errors import BadInput, BadWeights
from invprob.io import checkpoint, checksums, tensor_files
from invprob.numerics import adam
from invprob.solver import State
from invprob.weights import store


class Payload:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pkl"])
@pytest.mark.parametrize("how", ["pickle", "torch", "zip"])
def test_a_malicious_pickle_is_refused_and_does_not_run(tmp_path, suffix, how):
    mark = tmp_path / "ran"
    file = tmp_path / f"weights{suffix}"
    if how == "pickle":
        file.write_bytes(pickle.dumps({"weight": Payload(mark)}))
    else:
        torch.save({"weight": Payload(mark)}, file, _use_new_zipfile_serialization=how == "zip")
    with pytest.raises(BadWeights, match="can run code"):
        tensor_files.read(file)
    with pytest.raises(BadInput):
        checkpoint.load(file, [])
    assert not mark.exists()


def test_weights_are_read_back_and_checked(tmp_path):
    file = tmp_path / "a.safetensors"
    tensors = {"x": torch.arange(4.0), "y": torch.ones(2, 2, dtype=torch.float16)}
    tensor_files.write(file, tensors, {"kind": "toy", "shape": [1, 2]})
    again, metadata = tensor_files.read(file, checksums.sha256(file))
    assert torch.equal(again["x"], tensors["x"])
    assert metadata == {"kind": "toy", "shape": "[1, 2]"}
    with pytest.raises(BadWeights, match="sha256"):
        tensor_files.read(file, "0" * 64)


@pytest.mark.parametrize("cut", [0, 4, 20, -1])
def test_a_truncated_file_is_refused(tmp_path, cut):
    file = tmp_path / "a.safetensors"
    tensor_files.write(file, {"x": torch.arange(4.0)}, {})
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(BadWeights, match="cannot be read"):
        tensor_files.read(file)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for place, said in ((tmp_path / "missing", "no such file"), (tmp_path, "")):
        with pytest.raises(BadWeights, match=f"cannot be read: {said}"):
            tensor_files.read(place)
        with pytest.raises(BadWeights, match="there is no file of weights"):
            tensor_files.read(place, "0" * 64)
    with pytest.raises(BadInput, match="cannot be read: no such file"):
        checkpoint.read(tmp_path / "missing", ())
    with pytest.raises(BadInput, match="cannot be read: is a directory"):
        checkpoint.read(tmp_path, ())


def test_an_unknown_name_is_refused(tmp_path):
    with pytest.raises(BadWeights, match="no weights 'nobody'"):
        store.locate("nobody", tmp_path)


def test_other_tensors_than_the_architecture_wants_are_refused(tmp_path):
    module = torch.nn.Linear(2, 3)
    with pytest.raises(BadWeights, match=r"1 missing .*1 unexpected .*1 misshapen"):
        tensor_files.fill(module, {"weight": torch.ones(1), "more": torch.ones(1)}, tmp_path)


@dataclass(frozen=True, kw_only=True)
class Toy(State):
    x: Tensor
    moments: adam.Moments
    parts: tuple[Tensor, ...]
    nothing: None = None


def test_a_state_is_read_back(tmp_path):
    x = torch.randn(2, 3)
    state = Toy(step=3, x=x, moments=adam.start(x), parts=(x, x + 1))
    checkpoint.save(tmp_path / "c.pt", state)
    again = checkpoint.load(tmp_path / "c.pt", [Toy])
    assert again.step == 3
    assert torch.equal(again.parts[1], x + 1)
    assert isinstance(again.moments, adam.Moments)
    assert again.nothing is None


def test_only_known_types_are_built(tmp_path):
    x = torch.ones(1)
    checkpoint.save(tmp_path / "c.pt", Toy(x=x, moments=adam.start(x), parts=()))
    with pytest.raises(BadInput):
        checkpoint.load(tmp_path / "c.pt", [])


class Bytes:
    """A pickle of a few bytes that makes many."""

    def __reduce__(self):
        return bytearray, (10**15,)


def packed(path, data, **options):
    """What torch.save writes of `data`, with each entry written anew."""
    torch.save({"format": 1, "state": data}, path)
    with zipfile.ZipFile(path) as source:
        entries = [(info.filename, source.read(info)) for info in source.infolist()]
    with zipfile.ZipFile(path, "w", **options) as target:
        for name, content in entries:
            target.writestr(name, content)


@pytest.mark.parametrize(
    ("data", "options", "said"),
    [
        (torch.zeros(10**6), {"compression": zipfile.ZIP_DEFLATED}, "it is compressed"),
        (Bytes(), {}, "it holds an array of bytes"),
    ],
)
def test_a_checkpoint_that_would_grow_is_refused(tmp_path, data, options, said):
    packed(tmp_path / "c.pt", data, **options)
    with pytest.raises(BadInput, match=said):
        checkpoint.load(tmp_path / "c.pt", [Toy])


@pytest.mark.parametrize(
    "pickled", [b"\x80\x02}b.", b"\x80\x02h\x05.", b"\x80\x02X\xff\xff\xff\x7f."]
)
def test_a_checkpoint_whose_pickle_is_not_whole_is_refused(tmp_path, pickled):
    torch.save({"state": 1}, tmp_path / "c.pt")
    with zipfile.ZipFile(tmp_path / "c.pt") as source:
        entries = {info.filename: source.read(info) for info in source.infolist()}
    with zipfile.ZipFile(tmp_path / "c.pt", "w") as target:
        for name, content in entries.items():
            target.writestr(name, pickled if name.endswith("data.pkl") else content)
    with pytest.raises(BadInput, match="is damaged"):
        checkpoint.load(tmp_path / "c.pt", [Toy])


def test_a_checkpoint_of_other_things_is_refused(tmp_path):
    checkpoint.write(tmp_path / "c.pt", {"state": {"type": "Toy", "fields": [1]}})
    with pytest.raises(BadInput, match="is of another solver"):
        checkpoint.load(tmp_path / "c.pt", [Toy])


@pytest.mark.parametrize("number", [torch.nan, torch.inf])
def test_weights_that_are_not_finite_are_refused(number):
    layer = torch.nn.Linear(2, 2)
    tensors = {k: v.clone() for k, v in layer.state_dict().items()}
    tensors["weight"][0, 0] = number
    with pytest.raises(BadWeights, match=r"w hold NaN or infinity in 1 tensors \(e\.g\. weight\)"):
        tensor_files.fill(layer, tensors, Path("w"))


def test_a_module_without_numbers_gets_those_of_the_tensors_in_its_precision():
    with torch.device("meta"):
        layer = torch.nn.Linear(2, 2)
    tensors = {"weight": torch.ones(2, 2).to(torch.float8_e4m3fn), "bias": torch.ones(2).half()}
    tensor_files.fill(layer, tensors, Path("w"))
    assert layer(torch.ones(1, 2)).tolist() == [[3.0, 3.0]]


def test_the_bytes_are_those_of_the_library(tmp_path):
    names = tensor_files.NAMES
    tensors = {f"x{i}": torch.ones(i % 3 + 1, 2).to(kind) for i, kind in enumerate(names)}
    tensors |= {"none": torch.ones(0, 3), "one": torch.tensor(2.0), "turned": torch.ones(2, 3).T}
    file = tmp_path / "a.safetensors"
    tensor_files.write(file, tensors, {"kind": "ü"})
    apart = {name: value.contiguous() for name, value in tensors.items()}
    assert file.read_bytes() == safetensors.torch.save(apart, {"kind": "ü"})
    again, _ = tensor_files.read(file)
    assert all(torch.equal(again[name], value) for name, value in tensors.items())


@pytest.mark.slow
def test_a_checkpoint_that_grows_too_large_says_so(tmp_path):
    """Torch hides what Python said: in a process of its own, since the limit stays."""
    code = (
        "import resource, signal, torch; from pathlib import Path;"
        "from invprob.io import checkpoint;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
        "checkpoint.write(Path('a.pt'), {'x': torch.ones(300_000)})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert "OSError: [Errno 27] File too large" in done.stderr
    assert not list(tmp_path.iterdir())
