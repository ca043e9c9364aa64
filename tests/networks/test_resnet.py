"""ResNet50: its public file, torchvision's network, and the weights of the U-Net around it."""

from __future__ import annotations

import pytest
import torch
from torchvision_files import check_features, check_maps, loaded, public_file, used
from torchvision_models import torchvision_models

from pedseg.networks.resnet import Bottleneck, ResNet50, bottlenecks, res_unet
from pedseg.plan import NetworkSpec

FILE = "resnet50-0676ba61"


def _encoder() -> ResNet50:
    return loaded(ResNet50(), FILE)


def test_the_public_file_loads_completely() -> None:
    state, own = public_file(FILE, ResNet50.unused_keys), _encoder().state_dict()
    assert all(torch.equal(own[key], value) for key, value in used(state).items())
    assert set(used(state)) == {k for k in own if not k.endswith("num_batches_tracked")}
    assert {k.partition(".")[0] for k in set(state) - set(used(state))} == {"layer4", "fc"}


def test_it_is_torchvisions_network() -> None:
    models, encoder = torchvision_models(), _encoder()
    with torch.device("meta"):
        other = models.resnet50(weights=None).eval()
    other.layer4, other.fc = torch.nn.Identity(), torch.nn.Identity()
    other.load_state_dict(encoder.state_dict(), strict=True, assign=True)
    seen: list[torch.Tensor] = []
    for layer in (other.relu, other.layer1, other.layer2, other.layer3):
        layer.register_forward_hook(lambda _, __, output: seen.append(output))
    check_maps(encoder, other, seen)


def test_features_have_the_strides_and_channels_it_says() -> None:
    check_features(_encoder(), (2, 4, 8, 16))


def test_a_bottleneck_without_residual_passes_its_input_on() -> None:
    block, x = Bottleneck(8, 8).eval(), torch.randn(1, 8, 5, 5)
    torch.nn.init.zeros_(block.bn3.weight)
    assert torch.equal(block(x), x.relu())


@pytest.mark.parametrize("stride", [1, 2])
def test_the_first_of_a_row_changes_channels_and_stride(stride: int) -> None:
    row = bottlenecks(6, 8, 3, stride=stride)
    assert row(torch.zeros(2, 6, 8, 8)).shape == (2, 8, 8 // stride, 8 // stride)
    assert [isinstance(block.downsample, torch.nn.Identity) for block in row] == [False, True, True]


def test_the_inner_channels_are_a_quarter_but_at_least_one() -> None:
    assert [Bottleneck(2, c).conv2.out_channels for c in (2, 4, 256)] == [1, 1, 64]


def test_res_unet_counted_by_hand() -> None:
    def row(i: int, o: int, n: int) -> int:
        def block(i: int) -> int:
            return (i * o + 9 * o * o // 4 + o * o) // 4 + 2 * (o // 2 + o)

        return block(i) + i * o + 2 * o + (n - 1) * block(o)

    count = 49 * 3 * 64 + 2 * 64 + row(64, 256, 3) + row(256, 512, 4) + row(512, 1024, 6)
    for coarse, fine, skip in ((1024, 512, 512), (512, 256, 256), (256, 128, 64)):
        count += 4 * coarse * fine + fine + row(skip + fine, fine, 4)
    with torch.device("meta"):
        network = res_unet(NetworkSpec(name="res_unet"), 4)
    assert sum(p.numel() for p in network.parameters()) == count + 4 * 128 * 64 + 2 * 64 + 64 * 4 + 4


def test_channels_of_the_specification_are_those_of_the_decoder() -> None:
    spec = NetworkSpec(name="res_unet", channels=(8, 6, 2))
    stages = res_unet(spec, 3).eval().stages(torch.zeros(1, 1, 32, 32))
    assert [s.shape[1] for s in stages[4:]] == [8, 6, 2, 1]
