"""Public weights into encoders: all of a file or nothing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from public_files import public_shapes
from torch import Tensor, nn

from pedseg.domains import load_domains
from pedseg.errors import ModelError, UsageError
from pedseg.networks import NETWORKS, build_network, weights
from pedseg.networks.efficientnet import EfficientNetB3
from pedseg.networks.inception import InceptionV3
from pedseg.networks.weights import PUBLIC_FILES, PublicFile, load_encoder_weights, planned_source
from pedseg.plan import EncoderWeights, NetworkSpec
from pedseg.plan.encoder import encoder_weights

State = dict[str, Tensor]
PUBLIC = PUBLIC_FILES["efficient_unet"]
FILES = {network: public.name for network, public in PUBLIC_FILES.items()}
ENCODERS = {"efficient_unet": EfficientNetB3, "inception_unet": InceptionV3}


def _state(network: str = "efficient_unet") -> State:
    """A file's tensors, all values of each one number of its own (so that the file is small)."""
    shapes = public_shapes(FILES[network])
    numbers = range(1, len(shapes) + 1)
    return {k: torch.tensor(_kind(k)(n)).expand(shape) for n, (k, shape) in zip(numbers, shapes.items(), strict=True)}


def _kind(name: str) -> type[float] | type[int]:
    return int if name.endswith("num_batches_tracked") else float


def _saved(state: object, path: Path) -> str:
    torch.save(state, path)
    return str(path)


def _new_name(name: str) -> str:
    """`denselayer1.norm.1.weight` was the old name of `denselayer1.norm1.weight`."""
    return re.sub(r"(denselayer\d+\.)(norm|conv)\.(\d)", r"\1\2\3", name)


class _Places(nn.Module):
    """Any module with the tensors of a public file that are not left."""

    def __init__(self, network: str) -> None:
        super().__init__()
        for name, value in _state(network).items():
            if not name.startswith(PUBLIC_FILES[network].left):
                layer, _, part = _new_name(name).rpartition(".")
                self._at(layer).register_buffer(part, torch.zeros_like(value))

    def _at(self, layer: str) -> nn.Module:
        place: nn.Module = self
        for step in layer.split("."):
            if step not in place._modules:
                place.add_module(step, nn.Module())
            place = place._modules[step]
        return place


@pytest.mark.parametrize("network", ENCODERS)
def test_every_tensor_of_a_public_file_arrives(network: str, tmp_path: Path) -> None:
    encoder, state = ENCODERS[network](), _state(network)
    load_encoder_weights(encoder, network, _saved(state, tmp_path / "weights.pth"))
    loaded = encoder.state_dict()
    left = {k for k in state if k not in loaded}
    assert all(torch.equal(v, state[k]) for k, v in loaded.items())
    assert all(k.startswith(PUBLIC_FILES[network].left) for k in left)


@pytest.mark.parametrize("network", PUBLIC_FILES)
def test_names_of_all_five_files_are_known(network: str, tmp_path: Path) -> None:
    """Also with dots in the names of dense layers, and without counters: files of 2017 have both."""
    state = {k: v for k, v in _state(network).items() if not k.endswith("num_batches_tracked")}
    places = _Places(network)
    load_encoder_weights(places, network, _saved(state, tmp_path / "old.pth"))
    kept = {_new_name(k): v for k, v in state.items() if not k.startswith(PUBLIC_FILES[network].left)}
    loaded = places.state_dict()
    assert all(torch.equal(loaded[k], v) for k, v in kept.items())
    assert all(v == 0 for k, v in loaded.items() if k not in kept)


def test_the_parts_left_are_classifiers_and_what_follows_the_last_scale() -> None:
    shapes = {n: public_shapes(f.name) for n, f in PUBLIC_FILES.items()}
    left = {n: {k.split(".")[0] for k in shapes[n] if k.startswith(f.left)} for n, f in PUBLIC_FILES.items()}
    assert left == {
        "efficient_unet": {"_conv_head", "_bn1", "_fc"},
        "inception_unet": {"AuxLogits", "fc"},
        "dense_unet": {"classifier"},
        "res_unet": {"layer4", "fc"},
        "vgg_unet": {"classifier"},
    }


@pytest.mark.parametrize("public", PUBLIC_FILES.values(), ids=list(PUBLIC_FILES))
def test_a_url_ends_in_a_name_with_the_digest(public: PublicFile) -> None:
    assert public.url.startswith("https://")
    assert re.fullmatch(r"\w[\w-]*-[0-9a-f]{8}\.pth", public.name)
    assert public.name.endswith(f"-{public.digest}.pth")


def missing(state: State) -> None:
    del state["_blocks.3._bn1.running_var"]


def extra(state: State) -> None:
    state["_blocks.26._bn1.weight"] = torch.zeros(1)


def shape(state: State) -> None:
    state["_conv_stem.weight"] = torch.zeros(40, 1, 3, 3)


def counter(state: State) -> None:
    del state["_bn0.num_batches_tracked"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (missing, r"1 missing \(_blocks.3._bn1.running_var\)"),
        (extra, r"1 unknown \(_blocks.26._bn1.weight\)"),
        (shape, r"1 of another shape \(_conv_stem.weight\)"),
        (counter, r"1 missing \(_bn0.num_batches_tracked\)"),
    ],
)
def test_one_wrong_tensor_is_refused_and_nothing_loaded(
    change: Callable[[State], None], text: str, tmp_path: Path
) -> None:
    encoder, state = EfficientNetB3(), _state()
    before = {k: v.clone() for k, v in encoder.state_dict().items()}
    change(state)
    file = _saved(state, tmp_path / "w.pth")
    with pytest.raises(ModelError, match=f"^PS-A102: w.pth does not fit the encoder: {text}: use {PUBLIC.name}$"):
        load_encoder_weights(encoder, "efficient_unet", file)
    assert all(torch.equal(v, before[k]) for k, v in encoder.state_dict().items())


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    file = _saved(_state("vgg_unet"), tmp_path / "vgg.pth")
    with pytest.raises(ModelError, match=r"PS-A102: vgg.pth does not fit the encoder: 489 missing .*; 38 unknown"):
        load_encoder_weights(EfficientNetB3(), "efficient_unet", file)


def test_a_file_without_a_state_dict_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"PS-A102: list.pth holds no state dict"):
        load_encoder_weights(EfficientNetB3(), "efficient_unet", _saved([1, 2], tmp_path / "list.pth"))


def test_a_file_that_holds_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"PS-A98: net.pth holds more than tensors"):
        load_encoder_weights(EfficientNetB3(), "efficient_unet", _saved(nn.Linear(1, 1), tmp_path / "net.pth"))


def test_a_missing_file_is_named_with_the_other_choices(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"PS-A03: encoder weights .*gone.pth do not exist: give a file, imagenet or none"
    ):
        load_encoder_weights(EfficientNetB3(), "efficient_unet", tmp_path / "gone.pth")


def test_none_leaves_the_encoder_random() -> None:
    encoder = EfficientNetB3()
    before = {k: v.clone() for k, v in encoder.state_dict().items()}
    load_encoder_weights(encoder, "efficient_unet", "none")
    load_encoder_weights(nn.Identity(), "att_unet", "none")
    assert all(torch.equal(v, before[k]) for k, v in encoder.state_dict().items())


def test_a_network_without_imagenet_encoder_takes_none_only() -> None:
    with pytest.raises(UsageError, match="PS-A120: att_unet has no ImageNet encoder: choose encoder weights none"):
        load_encoder_weights(nn.Identity(), "att_unet", "imagenet")


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A public file of random weights with a true digest, in an empty cache's stead."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    original = Path(_saved(_state(), tmp_path / "original.pth"))
    digest = hashlib.sha256(original.read_bytes()).hexdigest()[:8]
    folder = tmp_path / "server"
    folder.mkdir()
    file = original.rename(folder / f"efficientnet-b3-{digest}.pth")
    monkeypatch.setitem(PUBLIC_FILES, "efficient_unet", replace(PUBLIC, url=file.as_uri()))
    return file


def test_imagenet_is_fetched_once_and_then_read_from_the_cache(published: Path) -> None:
    for _ in range(2):
        encoder = EfficientNetB3()
        load_encoder_weights(encoder, "efficient_unet", "imagenet")
        assert torch.equal(encoder.state_dict()["_conv_stem.weight"], _state()["_conv_stem.weight"])
        published.unlink(missing_ok=True)
    assert PUBLIC_FILES["efficient_unet"].cached.is_file()


def test_a_download_with_another_digest_is_refused(published: Path) -> None:
    published.write_bytes(published.read_bytes() + b"\0")
    with pytest.raises(ModelError, match=r"PS-A130: .*invalid hash value"):
        load_encoder_weights(EfficientNetB3(), "efficient_unet", "imagenet")
    assert not PUBLIC_FILES["efficient_unet"].cached.exists()


def test_a_damaged_file_in_the_cache_is_refused(published: Path) -> None:
    cached = PUBLIC_FILES["efficient_unet"].cached
    cached.parent.mkdir(parents=True)
    cached.write_bytes(published.read_bytes()[:-1])
    with pytest.raises(ModelError, match=r"PS-A86: .* is not the public file \(its sha256 must start with .*delete it"):
        load_encoder_weights(EfficientNetB3(), "efficient_unet", "imagenet")


def test_without_network_one_line_names_url_file_and_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise URLError("Name or service not known\nat all")

    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", offline)
    with pytest.raises(ModelError) as caught:
        load_encoder_weights(EfficientNetB3(), "efficient_unet", weights.IMAGENET)
    text = str(caught.value)
    assert text.startswith(f"PS-A130: {PUBLIC.url} cannot be fetched (")
    assert PUBLIC_FILES["efficient_unet"].cached == tmp_path / "checkpoints" / PUBLIC.name
    assert text.endswith(f"copy {PUBLIC.name} to {weights.HUB}, or give --encoder-weights none or a file")
    assert "\n" not in text
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("scheme", ["dsl", "individual"])
def test_every_network_of_a_scheme_starts_from_the_file(scheme: str, tmp_path: Path) -> None:
    file = _saved(_state(), tmp_path / "weights.pth")
    spec = NetworkSpec(name="efficient_unet", scheme=scheme)
    state = build_network(spec, load_domains(("ankle", "knee")), encoder_weights=file).state_dict()
    stems = [v for k, v in state.items() if k.endswith("encoder._conv_stem.weight")]
    norms = [v for k, v in state.items() if k.endswith("encoder._bn0.running_var")]
    expected = _state()
    assert all(torch.equal(v, expected["_conv_stem.weight"]) for v in stems)
    assert all(torch.equal(row, expected["_bn0.running_var"]) for v in norms for row in v.reshape(-1, 40))
    assert (len(stems), sum(v.numel() for v in norms)) == ((1, 80) if scheme == "dsl" else (2, 80))


def test_networks_with_public_weights_are_those_with_another_encoder_than_the_unets() -> None:
    assert set(NETWORKS) - set(PUBLIC_FILES) == {"unet", "att_unet"}
    assert {name for name in NETWORKS if NetworkSpec(name=name).has_imagenet_encoder} == set(PUBLIC_FILES)


def test_a_plans_file_must_be_there_and_the_same(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    path.write_bytes(b"one")
    planned = encoder_weights(NetworkSpec(name="efficient_unet"), str(path))
    assert planned_source(planned) == str(path)
    path.write_bytes(b"two")
    text = r"PS-A87: .*w.pth is not the file of the plan \(sha256 3fc4ccfe, planned 7692c3ad\): bring that one back"
    with pytest.raises(ModelError, match=text):
        planned_source(planned)
    path.unlink()
    with pytest.raises(UsageError, match=r"PS-A03: encoder weights .*w.pth do not exist"):
        planned_source(planned)


@pytest.mark.parametrize("source", ["imagenet", "none"])
def test_a_plan_without_a_file_has_nothing_to_check(source: str) -> None:
    assert planned_source(EncoderWeights(source=source)) == source
