"""The pretended device refuses what an accelerator refuses, counts what it would be asked to do, and computes right."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnnctl.kernels.gpu import launch as launcher
from tests.pretended.device import MixedDevicesError, PretendedDevice, PretendedTensor, pretended_device


@pytest.fixture
def device():
    with pretended_device() as device:
        yield device


def ours(device: PretendedDevice, *numbers: float) -> torch.Tensor:
    """Return a tensor of the device, and forget that it was copied there."""
    tensor = torch.tensor(numbers).to(device.name)
    device.take()
    return tensor


@pytest.mark.parametrize(
    "make",
    [
        lambda to: torch.zeros(2, 3, device=to),
        lambda to: torch.empty(2, 3, device=to).fill_(0),
        lambda to: torch.full((2, 3), 0.0, device=torch.device(to)),
        lambda to: torch.tensor([[0.0] * 3] * 2, device=to),
        lambda to: torch.as_tensor(np.zeros((2, 3), dtype=np.float32), device=to),
        lambda to: torch.zeros(2, 3).to(to),
        lambda to: torch.zeros(2, 3, dtype=torch.int64).to(to, torch.float32),
        lambda to: torch.zeros(2, 3).to(device=to, non_blocking=True),
        lambda to: torch.zeros_like(torch.ones(2, 3), device=to),
        lambda to: torch.zeros(2, 3, device=to).new_zeros(2, 3),
        lambda to: torch.zeros(2, 3, device=to).new_tensor([[0.0] * 3] * 2),
        lambda to: torch.empty_like(torch.zeros(2, 3, device=to)).zero_(),
        lambda to: torch.stack([torch.zeros(3, device=to)] * 2),
    ],
)
def test_tensors_are_made_on_it(device, make):
    tensor = make(device.name)
    assert isinstance(tensor, PretendedTensor)
    assert tensor.device.type == device.name
    assert tensor.shape == (2, 3)
    assert tensor.cpu().tolist() == [[0.0] * 3] * 2


def test_results_are_those_of_the_host(device):
    x, y = torch.randn(2, 4, 5), torch.randn(2, 5, 3)
    out = torch.zeros(2, 4, 3, device=device.name)
    assert torch.bmm(x.to(device.name), y.to(device.name), out=out) is out
    assert torch.equal(out.cpu(), torch.bmm(x, y))
    assert torch.equal(out.view(8, 3).t().cpu(), torch.bmm(x, y).view(8, 3).t())
    assert out.to("cpu", torch.float64).dtype == torch.float64
    assert out[1, 2, 0].item() == float(torch.bmm(x, y)[1, 2, 0])


def test_views_share_their_memory(device):
    base = torch.zeros(12, device=device.name)
    base.view(3, 4)[1].add_(1)
    base.as_strided((2,), (1,), 10).fill_(2)
    first, rest = base.split([1, 11])
    first.sub_(1)
    rest[:1] = 5
    base[[2, 3]] = 7
    base[[]] = 9
    base.view(torch.int32)[9:10].fill_(0)
    assert base.tolist() == [-1, 5, 7, 7, 1, 1, 1, 1, 0, 0, 2, 2]


@pytest.mark.parametrize(
    "mix",
    [
        lambda a, h: a + h,
        lambda a, h: h + a,
        lambda a, h: h.add_(a),
        lambda a, h: torch.dot(h, a),
        lambda a, h: torch.stack([a, h]),
        lambda a, h: torch.add(a, a, out=h),
        lambda a, h: torch.where(a > 0, a, h),
        lambda a, h: a.index_select(0, torch.tensor([0])),
        lambda a, h: a.index_put_((torch.tensor([0]),), h[:1]),
        lambda a, h: torch.zeros(()).add_(a[0]),
        lambda a, h: a.numpy(),
        lambda a, h: np.asarray(a),
        lambda a, h: torch.from_numpy(a),
    ],
)
def test_mixed_devices_are_refused(device, mix):
    here = torch.ones(2)
    with pytest.raises((MixedDevicesError, TypeError)):
        mix(ours(device, 1, 2), here)


def test_a_tensor_that_holds_nothing_is_refused(device):
    from torch.utils._python_dispatch import _disable_current_modes

    with _disable_current_modes():
        hollow = torch.ones(2, device=device.name)
    with pytest.raises(MixedDevicesError, match="did not make"):
        ours(device, 1, 2) + hollow


def test_scalars_of_the_host_may_take_part(device):
    assert (ours(device, 1, 2) * torch.tensor(3.0) + 1).tolist() == [4, 7]


def test_launches_are_counted_by_name_and_views_are_free(device):
    x = torch.zeros(4, 4, device=device.name)
    x.view(2, 8)[:, 1:3].t().unsqueeze(0).expand(3, 2, 2)
    torch.empty(3, device=device.name)
    x.detach().chunk(2)[0].flatten()
    torch.mm(x, x).add_(1).add_(1)
    assert device.take().launches == {"zeros": 1, "mm": 1, "add_": 2}
    assert device.take().launches == {}


@pytest.mark.parametrize(
    ("work", "into", "out"),
    [
        (lambda a: a.copy_(torch.ones(3)), 1, 0),
        (lambda a: a.copy_(torch.ones(3), non_blocking=True), 1, 0),
        (lambda a: torch.ones(3).copy_(a, non_blocking=True), 0, 1),
        (lambda a: torch.ones(3).to(a), 1, 0),
        (lambda a: a.cpu(), 0, 1),
        (lambda a: a.to("cpu", torch.float64), 0, 1),
        (lambda a: a.to(a.device), 0, 0),
        (lambda a: a.to(torch.float64), 0, 0),
        (lambda a: a.tolist(), 0, 1),
        (lambda a: float(a[0]), 0, 1),
        (lambda a: bool(a[0] > 1), 0, 1),
        (lambda a: torch.equal(a, a), 0, 1),
        (lambda a: a.nonzero(), 0, 1),
        (lambda a: a[a > 1], 0, 1),
        (lambda a: a[[0, 2]], 1, 0),
        (lambda a: a[torch.tensor([0, 2])], 1, 0),
        (lambda a: a[torch.tensor([0, 2], device=a.device)], 1, 0),
        (lambda a: a[1:].sum(), 0, 0),
    ],
)
def test_transfers_are_counted_by_direction(device, work, into, out):
    work(ours(device, 1, 2, 3))
    traffic = device.take()
    assert (traffic.into.count, traffic.out.count) == (into, out)


def test_bytes_are_counted_and_pinned_memory_is_told_apart(device):
    pinned, pageable = torch.empty(6, pin_memory=True), torch.ones(6)
    assert pinned.is_pinned()
    assert pageable.pin_memory().is_pinned()
    assert not pageable.is_pinned()
    x = torch.zeros(4, device=device.name)
    x.copy_(pinned[:4], non_blocking=True)
    x.copy_(pageable[:4])
    pinned[:2].copy_(x[:2])
    traffic = device.take()
    assert (traffic.into.count, traffic.into.bytes, traffic.into.pageable) == (2, 32, 1)
    assert (traffic.out.count, traffic.out.bytes, traffic.out.pageable) == (1, 8, 0)


def test_gaps_in_the_memory_of_the_device_cost_a_launch(device):
    x = torch.zeros(4, 4, device=device.name)
    device.take()
    x[:, 1].copy_(torch.ones(4))
    assert device.take().launches == {"copy_": 1}


def double(x, out, SIZE):
    """A kernel, as the pretended device sees it."""


def test_kernels_get_what_tensors_hold_and_count_under_their_names():
    def start(kernel, grid, x, out, *, warps, SIZE):
        assert (kernel, grid, warps, SIZE) == (double, (1,), 2, 3)
        out.copy_(2 * x)

    with pretended_device(start) as device:
        x, out = (torch.ones(3, device=device.name) for _ in range(2))
        device.take()
        launcher.launch(double, (1,), x, out, warps=2, SIZE=3)
        traffic = device.take()
        assert out.tolist() == [2, 2, 2]
        assert traffic.launches == {"double": 1}
        assert (traffic.into.count, traffic.out.count) == (0, 0)
        with pytest.raises(MixedDevicesError, match=r"double: \(3,\) on the device, \(3,\) on the host"):
            launcher.launch(double, (1,), x, torch.ones(3), SIZE=3)


def test_the_launcher_is_itself_again_afterwards():
    before = launcher.launch
    with pretended_device():
        assert launcher.launch != before
    assert launcher.launch is before


def test_unwritten_memory_can_read_as_zeros():
    with pretended_device(zeroed=True) as device:
        torch.full((1000,), float("nan"), device=device.name)
        assert torch.empty(1000, device=device.name).sum().item() == 0
