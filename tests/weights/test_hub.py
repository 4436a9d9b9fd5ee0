"""Models of the hub, from a server on this machine."""

import json

import pytest

from invprob.errors import BadInput, BadWeights
from invprob.weights import consent, hub, store
from invprob.weights.hub_files import Address
from tests.weights.hub_server import COMMIT, serving

FILES = {
    "README.md": b"# A model",
    "config.json": b'{"_class_name": "UNet2DModel"}',
    "scheduler_config.json": b'{"beta_start": 0.1}',
    "diffusion_pytorch_model.bin": b"worse" * 100,
    "diffusion_pytorch_model.safetensors": bytes(range(256)) * 40,
    "other/denoiser.pth": b"PK" * 300,
}
WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture
def server(monkeypatch, tmp_path):
    with serving(dict(FILES)) as one:
        monkeypatch.setenv("HF_ENDPOINT", one.address)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("INVPROB_CACHE", str(tmp_path / "cache"))
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.delenv(consent.ALLOW, raising=False)
        yield one


@pytest.fixture
def allowed(server, monkeypatch):
    monkeypatch.setenv(consent.ALLOW, "1")


def test_nothing_is_fetched_before_the_user_says_so(server, tmp_path):
    with pytest.raises(BadWeights, match=r"3 files, 10\.3 kB, licence mit, are not here") as caught:
        store.path("hf:some/model")
    assert "--download" in caught.value.hint
    assert not any("resolve" in asked for asked in server.asked)
    assert not (tmp_path / "cache").exists()


@pytest.mark.usefixtures("allowed")
def test_what_is_fetched_is_said_kept_by_commit_and_used_without_the_network(server, monkeypatch):
    with pytest.warns(UserWarning, match=r"fetching hf:some/model: 3 files, .* licence mit"):
        folder = store.path("hf:some/model")
    assert folder.name == COMMIT
    assert (folder / WEIGHTS).read_bytes() == FILES[WEIGHTS]
    assert sorted(p.name for p in folder.iterdir()) == [
        "config.json", WEIGHTS, "record.json", "scheduler_config.json",
    ]  # fmt: skip
    assert json.loads((folder / "record.json").read_text())["licence"] == "mit"
    assert [p.name for p in folder.parent.glob(".*")] == []
    server.asked.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert store.path("hf:some/model") == folder
    assert store.path(f"hf:some/model@{COMMIT}") == folder
    assert server.asked == []


@pytest.mark.usefixtures("allowed")
@pytest.mark.filterwarnings("ignore:fetching")
def test_one_file_of_a_model(server):
    file = store.path("hf:some/model/other/denoiser.pth")
    assert file.read_bytes() == FILES["other/denoiser.pth"]
    with pytest.raises(BadWeights, match=r"has no file x\.pth"):
        store.path("hf:some/model/x.pth")


@pytest.mark.usefixtures("allowed")
@pytest.mark.filterwarnings("ignore:fetching")
@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
def test_another_content_than_the_hub_lists_is_refused_and_removed(server, tmp_path, name):
    server.sent[name] = FILES[name][::-1]
    with pytest.raises(BadWeights, match="came with another hash"):
        store.path("hf:some/model")
    assert [p for p in (tmp_path / "cache").rglob("*") if p.is_file()] == []
    server.sent.clear()
    assert (store.path("hf:some/model") / name).read_bytes() == FILES[name]


@pytest.mark.usefixtures("allowed")
@pytest.mark.filterwarnings("ignore:fetching")
def test_a_transfer_that_is_cut_is_gone_on_with(server):
    server.cut[WEIGHTS] = 1
    folder = store.path("hf:some/model")
    assert (folder / WEIGHTS).read_bytes() == FILES[WEIGHTS]


@pytest.mark.usefixtures("allowed")
@pytest.mark.filterwarnings("ignore:fetching")
def test_what_is_not_there_is_said(server):
    server.missing.add("config.json")
    with pytest.raises(BadWeights, match="hf:some/model could not be fetched"):
        store.path("hf:some/model")
    del server.files["config.json"]
    with pytest.raises(BadWeights, match="is not a model that diffusers wrote"):
        store.path("hf:some/model")
    with pytest.raises(BadWeights, match="no model hf:no/model"):
        store.path("hf:no/model")
    with pytest.raises(BadWeights, match="no revision hf:some/model@old"):
        store.path("hf:some/model@old")


@pytest.mark.usefixtures("allowed")
@pytest.mark.filterwarnings("ignore:fetching")
def test_a_copy_stays_until_the_new_one_is_here(server):
    folder = store.path("hf:some/model")
    server.asked.clear()
    server.missing.add(WEIGHTS)
    assert hub.fetch(Address.parse("hf:some/model"), store.cache()) == folder
    assert not any("resolve" in asked for asked in server.asked)
    (folder / "config.json").write_bytes(b"x")
    with pytest.raises(BadWeights, match="could not be fetched"):
        hub.fetch(Address.parse("hf:some/model"), store.cache())
    assert (folder / WEIGHTS).read_bytes() == FILES[WEIGHTS]


@pytest.mark.usefixtures("allowed")
@pytest.mark.filterwarnings("ignore:fetching")
def test_files_of_names_that_the_cache_has_for_itself(server):
    server.files |= {"folder": b"PK" * 300, "record.json": b"{}"}
    whole = store.path("hf:some/model")
    file = store.path("hf:some/model/folder")
    assert file.read_bytes() == b"PK" * 300
    assert store.path("hf:some/model") == whole
    with pytest.raises(BadWeights, match=r"hf:some/model/record\.json is not weights"):
        store.path("hf:some/model/record.json")


@pytest.mark.usefixtures("allowed")
@pytest.mark.filterwarnings("ignore:fetching")
@pytest.mark.parametrize("damage", [b"\xff\xfe", b"", b"../../x"])
def test_a_damaged_name_of_a_commit_is_mended(server, damage):
    folder = store.path("hf:some/model")
    reference = folder.parent / "main.ref"
    reference.write_bytes(damage)
    assert store.path("hf:some/model") == folder
    assert reference.read_text() == COMMIT


@pytest.mark.usefixtures("allowed")
@pytest.mark.filterwarnings("ignore:fetching")
def test_a_damaged_copy_is_refused_until_it_is_fetched_again(server):
    folder = store.path("hf:some/model")
    (folder / WEIGHTS).write_bytes(b"x")
    with pytest.raises(BadWeights, match="is not as it was fetched") as caught:
        store.path("hf:some/model")
    assert caught.value.hint == "invprob weights fetch hf:some/model"
    hub.fetch(Address.parse("hf:some/model"), store.cache())
    assert (store.path("hf:some/model") / WEIGHTS).read_bytes() == FILES[WEIGHTS]


def test_offline_is_respected(server, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(BadWeights, match="HF_HUB_OFFLINE is set"):
        store.path("hf:some/model")
    assert server.asked == []


@pytest.mark.parametrize("text", ["hf:", "hf:model", "hf:a/b/../c", "hf:a/b@", "hf:a/b c"])
def test_other_addresses_are_refused(text):
    with pytest.raises(BadInput, match="does not name a model of the hub"):
        Address.parse(text)


def test_parts_of_divided_weights_come_with_their_index():
    from invprob.weights.hub_files import File, wanted

    parts = [f"unet/diffusion_pytorch_model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    names = [
        *("model_index.json", "unet/config.json", "scheduler/scheduler_config.json"),
        *("unet/diffusion_pytorch_model.safetensors.index.json", *parts),
        *("unet/diffusion_pytorch_model.fp16.safetensors", "vae/config.json"),
    ]
    listed = [File(name, 1, None, "") for name in names]
    found = wanted(Address.parse("hf:a/b"), listed)
    assert [file.name for file in found] == names[:6]


def test_a_latent_diffusion_comes_with_its_autoencoder_and_one_of_texts_not_at_all():
    from invprob.weights.hub_files import File, wanted

    parts = ("unet", "vqvae")
    names = [
        *("model_index.json", "unet/config.json", "scheduler/scheduler_config.json"),
        *("vqvae/config.json", *(f"{part}/diffusion_pytorch_model.bin" for part in parts)),
    ]
    listed = [File(name, 1, None, "") for name in (*names, "README.md")]
    assert [file.name for file in wanted(Address.parse("hf:a/b"), listed)] == names
    listed.append(File("text_encoder/config.json", 1, None, ""))
    with pytest.raises(BadWeights, match="needs a text: it has a part text_encoder"):
        wanted(Address.parse("hf:a/b"), listed)
