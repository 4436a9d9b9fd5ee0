"""What is read is what was written, by torch.save of both kinds and by pickle."""

import argparse
import io
import pickle
import sys
import types
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import safetensors.torch
import torch

from invprob.errors import BadWeights
from invprob.weights.unpickle import Inert, open_tree
from invprob.weights.unpickle.known import CALLS, CLASSES
from tests.plugins.sgilo.published.layouts import Persistent, pickle_bytes


def example():
    x = torch.arange(24.0).reshape(4, 6)
    layers = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm2d(4))
    whole = [x.double(), x.half(), x.bfloat16(), x.long(), x.int(), x.short(), x > 3]
    return {
        "state": layers.state_dict(),
        "parameter": torch.nn.Parameter(x),
        "kinds": [*whole, x.to(torch.int8), x.to(torch.uint8)],
        "transposed": x.t(),
        "part": x[1:3, 2:5],
        "every second": x[:, ::2],
        "scalar": torch.tensor(3.5),
        "nothing": torch.empty(0, 3),
        "channels last": torch.randn(1, 3, 4, 4).contiguous(memory_format=torch.channels_last),
        "plain": [1, -1, 2**31, 2**70, -(2**40), 2.5, None, True, "ü", b"raw", (1,), (1, 2, 3, 4)],
        "sets": [{"a", 1}, set()],
        "ordered": OrderedDict(b=1, a=2),
        "size": torch.Size([1, 2]),
        3: "a key that is a number",
    }


def same(a, b):
    assert type(b) in (dict, list, tuple, torch.Tensor) or type(a) is type(b)
    if isinstance(a, torch.Tensor):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert torch.equal(a, b)
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    else:
        assert a == b


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_what_torch_saved(tmp_path, zipped, protocol):
    path = tmp_path / "misnamed.pkl"
    torch.save(example(), path, _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
    found = open_tree(path)
    same(torch.load(path, weights_only=False), found)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_what_pickle_wrote(tmp_path, protocol):
    tree = example()
    (tmp_path / "x").write_bytes(pickle.dumps(tree, protocol))
    same(tree, open_tree(tmp_path / "x"))


def test_tensors_that_share_a_storage_share_it(tmp_path):
    x = torch.zeros(1000)
    torch.save({"a": x, "b": x.view(10, 100)}, tmp_path / "x")
    found = open_tree(tmp_path / "x")
    found["a"][5] = 1
    assert float(found["b"][0, 5]) == 1


@pytest.mark.parametrize("order", ["<", ">"])
def test_numpy_scalars_become_numbers(tmp_path, order):
    kinds = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"]
    values = [np.array([1]).astype(order + kind)[0] for kind in kinds]
    for protocol in (2, 4):
        (tmp_path / "x").write_bytes(pickle.dumps({"v": values}, protocol))
        found = open_tree(tmp_path / "x")["v"]
        assert found == [1] * len(kinds)
        assert all(type(v) in (int, float, bool) for v in found)


def test_arguments_of_a_training_are_inert(tmp_path):
    torch.save({"args": argparse.Namespace(lr=0.1), "w": torch.ones(2)}, tmp_path / "x")
    args = open_tree(tmp_path / "x")["args"]
    assert isinstance(args, Inert)
    assert (args.name, args.state) == ("argparse.Namespace", {"lr": 0.1})


def test_persistent_objects_keep_their_name_and_state_and_no_source(tmp_path):
    inner = Persistent("Layer", {"_parameters": {"w": torch.nn.Parameter(torch.ones(2))}})
    tree = {"G": Persistent("Net", {"_modules": OrderedDict(a=inner), "twice": inner})}
    (tmp_path / "x").write_bytes(pickle_bytes(tree))
    found = open_tree(tmp_path / "x")["G"]
    assert found.name == "Net"
    assert found.state["twice"] is found.state["_modules"]["a"]
    assert torch.equal(found.state["twice"].state["_parameters"]["w"], torch.ones(2))
    assert "SystemExit" not in repr(found)


def test_safetensors_are_told_by_content(tmp_path):
    tensors = {"a": torch.ones(2, 3), "b": torch.zeros(1)}
    safetensors.torch.save_file(tensors, tmp_path / "x.pkl")
    same(tensors, open_tree(tmp_path / "x.pkl"))


@pytest.mark.parametrize("harm", ["byte", "big-endian", "script"])
def test_a_zip_that_was_changed_is_refused(tmp_path, harm):
    torch.save({"a": torch.ones(100)}, tmp_path / "x")
    data = (tmp_path / "x").read_bytes()
    if harm == "byte":
        at = data.index(b"\0\0\x80\x3f" * 20)
        data = data[:at] + b"\1" + data[at + 1 :]
    else:
        buffer = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
            for name in old.namelist():
                new.writestr(name, b"big" if name.endswith("byteorder") else old.read(name))
            if harm == "script":
                new.writestr("x/constants.pkl", b"")
        data = buffer.getvalue()
    (tmp_path / "x").write_bytes(data)
    message = {"byte": "checksum", "big-endian": "big-endian", "script": "TorchScript"}[harm]
    with pytest.raises(BadWeights, match=message):
        open_tree(tmp_path / "x")


def test_a_torchscript_program_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "x", "w") as z:
        z.writestr("x/data.pkl", pickle.dumps(1, 2))
        # torch compresses the source of a program, and nothing else
        z.writestr("x/code/__torch__/net.py", "def forward(self): ...", zipfile.ZIP_DEFLATED)
        z.writestr("x/constants.pkl", pickle.dumps((), 2))
    with pytest.raises(BadWeights, match="TorchScript program; save the state_dict"):
        open_tree(tmp_path / "x")


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
@pytest.mark.parametrize("zipped", [True, False, None])
def test_objects_of_unknown_classes_are_names_with_a_state(tmp_path, zipped):
    """Whole modules, of PyTorch and of code that is not here: nothing of theirs is imported."""
    strange = types.ModuleType("pg_modules.discriminator")
    strange.Net = type("Net", (torch.nn.Linear,), {"__module__": strange.__name__})
    sys.modules |= {"pg_modules": types.ModuleType("pg_modules"), strange.__name__: strange}
    tree = {"D": strange.Net(2, 3), "all": (torch.nn.Sequential(torch.nn.ReLU()), 1)}
    if zipped is None:
        (tmp_path / "x").write_bytes(pickle.dumps(tree))
    else:
        torch.save(tree, tmp_path / "x", _use_new_zipfile_serialization=zipped)
    del sys.modules[strange.__name__], sys.modules["pg_modules"]
    found = open_tree(tmp_path / "x")
    assert isinstance(found["D"], Inert)
    assert found["D"].name == "pg_modules.discriminator.Net"
    assert torch.equal(found["D"].state["_parameters"]["weight"], tree["D"].weight)
    assert found["all"][0].name == "torch.nn.modules.container.Sequential"
    assert strange.__name__ not in sys.modules


@pytest.mark.parametrize("protocol", [2, 4])
def test_numpy_arrays_are_inert(tmp_path, protocol):
    (tmp_path / "x").write_bytes(pickle.dumps([np.arange(6.0), np.array(["a", None])], protocol))
    assert [(type(a), a.name) for a in open_tree(tmp_path / "x")] == [(Inert, "numpy.ndarray")] * 2


def test_the_list_of_what_a_pickle_may_call_is_short():
    """None of them is a function of what it names; a new one needs a reason, and a line here."""
    assert {name.rpartition(".")[2] for name in CALLS} == {
        *("_reconstruct_persistent_obj", "_rebuild_tensor", "_rebuild_tensor_v2"),
        *("_rebuild_parameter", "_load_from_bytes", "Size", "device", "OrderedDict", "set"),
        *("encode", "dtype", "scalar", "_reconstruct"),
    }
    assert all(made.__module__ == "invprob.weights.unpickle.known" for made in CALLS.values())
    assert set(CLASSES) == {"collections.OrderedDict", "dnnlib.util.EasyDict", "argparse.Namespace"}
