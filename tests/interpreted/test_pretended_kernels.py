"""The pretended device runs kernels by the interpreter, on the data that its tensors hold."""

from __future__ import annotations

import torch

from rnnctl.kernels.gpu import launch as launcher
from tests.pretended.device import pretended_device
from tests.toy_kernel import repeated_product


def test_a_kernel_computes_on_the_data_of_its_tensors():
    torch.manual_seed(1)
    w, h = torch.randn(16, 16), torch.zeros(4, 16)
    h[0] = torch.randn(16)
    with pretended_device() as device:
        on_device = h.to(device.name)
        launcher.launch(repeated_product, (1,), w.to(device.name), on_device, 3, N=16)
        traffic = device.take()
        actual = on_device.cpu()
    assert traffic.launches == {"repeated_product": 1}
    for t in range(3):
        torch.testing.assert_close(actual[t + 1], actual[t] @ w)
