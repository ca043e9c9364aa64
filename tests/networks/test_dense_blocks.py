"""Dense layers, blocks and transitions."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F

from pedseg.networks.dense_blocks import GROWTH, DenseLayer, Transition, dense_block


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_a_block_keeps_its_input_and_adds_what_each_layer_finds() -> None:
    block, x = dense_block(6, 3).eval(), torch.randn(2, 6, 4, 4)
    with torch.no_grad():
        outputs = [block[:n](x) for n in range(4)]
        scripted = torch.jit.script(block)(x)
    assert [o.shape[1] for o in outputs] == [6 + GROWTH * n for n in range(4)]
    for fewer, more in pairwise(outputs):
        assert torch.equal(more[:, : fewer.shape[1]], fewer)
        assert more[:, fewer.shape[1] :].abs().max() > 0
    assert torch.allclose(scripted, outputs[-1], atol=1e-6)


def test_a_layer_spelled_out() -> None:
    """Norms of new layers are the identity but for eps, in evaluation."""
    layer, x = DenseLayer(5).eval(), torch.randn(2, 5, 4, 4)
    inner = F.conv2d(x.relu(), layer.conv1.weight)
    new = F.conv2d(inner.relu(), layer.conv2.weight, padding=1)
    torch.testing.assert_close(layer(x), torch.cat([x, new], 1), rtol=1e-4, atol=1e-4)


def test_a_transition_by_hand() -> None:
    transition = Transition(2).eval()
    torch.nn.init.ones_(transition.conv.weight)
    x = torch.tensor([[[[1.0, -2.0], [3.0, 0.0]], [[-1.0, 4.0], [0.0, 0.0]]]])
    normalised, halved = transition(x)
    assert torch.allclose(normalised, x.relu(), atol=1e-4)
    assert halved.flatten().tolist() == pytest.approx([(1 + 3 + 4) / 4], abs=1e-4)
