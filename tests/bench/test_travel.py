import io
import zipfile
from pathlib import Path

import pytest
import torch

from invprob.bench import store
from invprob.bench.execution import protocol, transfer
from invprob.bench.store import Solved, Store
from invprob.config.experiment import Experiment


def experiment(**more):
    return Experiment.parse({"operator": "mask", "solver": "walk", **more})


def test_weights_travel_with_what_belongs_to_them(tmp_path):
    home, cache = tmp_path / "home", tmp_path / "cache"
    (home / "ddpm" / "unet").mkdir(parents=True)
    (home / "ddpm" / "unet" / "config.json").write_text("{}")
    for name in ("g.safetensors", "g-score-1.safetensors", "other.safetensors"):
        (home / name).write_bytes(name.encode())
    made = experiment(
        generator=f"stylegan2:weights={home / 'g.safetensors'}",
        prior={"1": f"pixel-diffusion:weights={home / 'ddpm'}", "default": "latent-score"},
    )
    found = transfer.named(made)
    assert set(found.values()) == {home / "g.safetensors", home / "ddpm"}
    places = {}
    for given, path in found.items():
        sha256, packed = transfer.pack(path)
        assert transfer.pack(path)[0] == sha256
        places[given] = str(transfer.arrive(sha256, packed, path.name, cache))
        # a second arrival finds it there
        assert transfer.arrive(sha256, b"", path.name, cache).exists()
    moved = transfer.rerouted(made.model_dump(mode="json"), places)
    arrived = moved["generator"]["weights"]
    assert arrived.startswith(str(cache))
    assert Path(arrived).read_bytes() == b"g.safetensors"
    beside = {p.name for p in Path(arrived).parent.iterdir()}
    assert beside == {"g.safetensors", "g-score-1.safetensors"}
    assert (Path(moved["prior"]["1"]["weights"]) / "unet" / "config.json").read_text() == "{}"
    assert moved["prior"]["default"] == {"name": "latent-score"}


def test_a_change_of_content_is_another_parcel(tmp_path):
    path = tmp_path / "g.safetensors"
    path.write_bytes(b"a")
    first, _ = transfer.pack(path)
    path.write_bytes(b"b")
    assert transfer.pack(path)[0] != first


def test_what_is_bundled_stays_at_home():
    assert transfer.named(experiment(generator="stylegan2:weights=faces64")) == {}


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_frames_arrive_whole_through_pipes_that_take_parts(chunk):
    class Pipe(io.BytesIO):
        def write(self, data):
            return super().write(data[:chunk])

        def read(self, count=-1):
            return super().read(min(count, chunk))

    pipe = Pipe()
    protocol.send(pipe, b"J", b"hello world")
    protocol.send(pipe, b"R", b"")
    whole = pipe.tell()
    pipe.seek(0)
    assert protocol.receive(pipe) == (b"J", b"hello world")
    assert protocol.receive(pipe) == (b"R", b"")
    assert protocol.receive(pipe) is None
    pipe.truncate(whole - 12)
    pipe.seek(0)
    assert protocol.receive(pipe) is None
    assert protocol.unpack(protocol.pack({"a": [1]}, b"\0x")) == ({"a": [1]}, b"\0x")


def test_a_cell_is_whole_or_not_there(tmp_path):
    cells = Store(tmp_path / "cells")
    packed = Solved({"psnr_mean": 20.5, "crps": None}, {"mean": torch.rand(3, 4, 4)}).pack()
    assert cells.get("k") is None
    cells.put("k", packed)
    again = cells.get("k")
    assert again is not None
    assert again.figures == {"psnr_mean": 20.5, "crps": None}
    for place in range(0, len(packed), 37):
        broken = bytearray(packed)
        broken[place] ^= 4
        assert store.unpack(bytes(broken)) is None
        assert store.unpack(packed[:place]) is None
    assert [p.name for p in (tmp_path / "cells").iterdir()] == ["k.cell"]


def test_only_the_named_file_and_its_companions_travel(tmp_path):
    for name in ("m[1].safetensors", "m1.safetensors", "m.safetensors", "m-score-1.safetensors"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "m-huge").mkdir()

    def packed(name):
        data = io.BytesIO(transfer.pack(tmp_path / name)[1])
        return sorted(zipfile.ZipFile(data).namelist())

    assert packed("m[1].safetensors") == ["m[1].safetensors"]
    assert packed("m.safetensors") == ["m-score-1.safetensors", "m.safetensors"]
