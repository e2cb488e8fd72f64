"""A pretended accelerator, to test without one what a program would do on a real one.

    with pretended_device() as device:
        train_pack(specs, recorder, device=device.name, cadence=Cadence())
    traffic = device.take()

Its tensors say that they are on the device `meta`, for which every build of torch has device guards, and hold their
data in main memory: the numbers are real. What would fail on an accelerator fails here too: an operation on tensors of
several devices, an array of NumPy made from a tensor of the device, a kernel that is given memory of the host.

Counted are the launches, by name, and the transfers in both directions with their bytes. An operation of torch counts
as one launch; views and allocations are free. An operation that has to tell the host something (a value, or the shape
of its result) counts as a transfer out, and an index that lies on the host as a transfer in. Kernels are seen through
the function that starts all of them, `rnnctl.kernels.gpu.launch.launch`.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from rnnctl.kernels.gpu import launch as launcher

NAME = "meta"

# What allocates without writing: all that the schemas of torch do not tell.
ALLOCATIONS = {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"}
# Here an accelerator takes indices that lie on the host, and copies them first.
INDEXING = {"index", "index_put", "index_put_", "_index_put_impl_"}
FROM_DATA = (torch.tensor, torch.as_tensor, torch.asarray)

Start = Callable[..., None]  # called as rnnctl.kernels.gpu.launch.launch


class MixedDevicesError(RuntimeError):
    """Memory of the host and of the device where all must be on one."""


@dataclass
class Transfers:
    """What crossed between host and device in one direction. pageable: how many did not use pinned memory."""

    count: int = 0
    bytes: int = 0
    pageable: int = 0


@dataclass
class Traffic:
    """What a device was asked to do."""

    launches: Counter[str] = field(default_factory=Counter)
    into: Transfers = field(default_factory=Transfers)
    out: Transfers = field(default_factory=Transfers)


class PretendedTensor(torch.Tensor):
    """A tensor in main memory that says it is on the pretended device."""

    held: torch.Tensor
    device_: PretendedDevice

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held: torch.Tensor, device: PretendedDevice) -> PretendedTensor:
        tensor = torch.Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=torch.device(NAME),
        )
        tensor.held, tensor.device_ = held, device
        return tensor

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        owner = next(x.device_ for x in _tensors(args, kwargs or {}) if isinstance(x, PretendedTensor))
        return owner.run(func, args, kwargs or {})

    # Torch does these without an operation that could be counted.

    def numpy(self, *args: Any, **kwargs: Any) -> Any:
        raise MixedDevicesError("numpy: the tensor is on the device; copy it to the host first")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return self.numpy()

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def new_tensor(self, data: Any, **kwargs: Any) -> torch.Tensor:
        return torch.tensor(data, **{"dtype": self.dtype, "device": self.device, **kwargs})

    def __getitem__(self, index: Any) -> torch.Tensor:
        return super().__getitem__(_without_lists(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(_without_lists(index), value)

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"PretendedTensor({self.held!r})"


class PretendedDevice:
    """Runs operations on the data that pretended tensors hold, and counts them.

    start: starts a kernel, once its launch is counted and its tensors are replaced by those that they hold. zeroed:
    whether memory that was never written reads as zeros.
    """

    name = NAME

    def __init__(self, start: Start, *, zeroed: bool = False) -> None:
        self.start, self.zeroed = start, zeroed
        self.traffic = Traffic()
        self._pinned: dict[int, torch.UntypedStorage] = {}  # by address; held, so that no address comes twice

    def take(self) -> Traffic:
        """Return what was counted since the last call, or since the beginning, and count from zero again."""
        taken, self.traffic = self.traffic, Traffic()
        return taken

    def launch(self, kernel: Any, grid: Any, *args: Any, **constants: Any) -> None:
        """Stand in for `rnnctl.kernels.gpu.launch.launch`."""
        name = kernel_name(kernel)
        tensors = [x for x in (*args, *constants.values()) if isinstance(x, torch.Tensor)]
        if not all(isinstance(x, PretendedTensor) for x in tensors):
            raise MixedDevicesError(f"{name}: {_where(tensors)}")
        self.traffic.launches[name] += 1
        held = {key: _held(value) for key, value in constants.items()}
        self.start(kernel, grid, *(_held(x) for x in args), **held)

    def run(self, func: Any, args: Any, kwargs: Mapping[str, Any]) -> Any:
        """Run an operation of torch as the device and the host would."""
        facts = _facts(func)
        name, tensors = facts.name, _tensors(args, kwargs)
        pretended = [x for x in tensors if isinstance(x, PretendedTensor)]
        host = [x for x in tensors if not isinstance(x, PretendedTensor)]
        if any(x.device.type != "cpu" for x in host):
            raise MixedDevicesError(f"{name}: a tensor that the pretended device did not make: {_where(tensors)}")
        options, goal = dict(kwargs), kwargs.get("device")
        here = _is_ours(goal) if goal is not None else bool(pretended)
        if _is_ours(goal):
            options["device"] = torch.device("cpu")
        if name == "_to_copy" and here != isinstance(args[0], PretendedTensor):
            return self._cross(func, args, options, into=here)
        if name == "copy_" and len(host) == 1 and pretended:
            return self._copy(*args[:2])
        if not here:
            return self._on_host(func, name, args, options)
        self._count(facts, args, kwargs, host)
        return self._wrapped(func, name, pretended, args, options)

    def _on_host(self, func: Any, name: str, args: Any, options: dict[str, Any]) -> Any:
        """Run an operation of the host. Pinned memory is pretended: torch has none without an accelerator."""
        if name == "is_pinned":
            return self._is_pinned(args[0])
        if name != "_pin_memory" and not options.get("pin_memory"):
            return func(*args, **options)
        result = args[0].clone() if name == "_pin_memory" else func(*args, **{**options, "pin_memory": False})
        storage = result.untyped_storage()
        self._pinned[storage.data_ptr()] = storage
        return result

    def _is_pinned(self, tensor: torch.Tensor) -> bool:
        return tensor.untyped_storage().data_ptr() in self._pinned

    def _wrapped(
        self, func: Any, name: str, pretended: Sequence[PretendedTensor], args: Any, options: Mapping[str, Any]
    ) -> Any:
        by_data = {id(x.held): x for x in pretended}

        def wrap(result: Any) -> Any:
            if not isinstance(result, torch.Tensor):
                return result
            if (same := by_data.get(id(result))) is None:
                return PretendedTensor(result, self)
            if same.shape != result.shape:
                raise NotImplementedError(f"{name} changes the shape of its result from {same.shape} to {result.shape}")
            return same

        results = func(*_mapped(_held, args), **{key: _mapped(_held, value) for key, value in options.items()})
        if self.zeroed and name in ALLOCATIONS:
            results.zero_()
        return _mapped(wrap, results)

    def _count(self, facts: Facts, args: Any, kwargs: Mapping[str, Any], host: Sequence[torch.Tensor]) -> None:
        """Count an operation of the device. Raise MixedDevicesError if one of its tensors is not there."""
        asks = facts.shape_depends
        if facts.name in INDEXING:
            indices = [x for x in args[1] if isinstance(x, torch.Tensor)]
            for index in indices:
                if not isinstance(index, PretendedTensor):
                    self._transfer(index, into=True)
            host = [x for x in host if all(x is not index for index in indices)]
            asks = any(index.dtype in (torch.bool, torch.uint8) for index in indices)
        if host and kwargs.get("device") is None:  # otherwise they are examples, such as that of zeros_like
            written = [args[i] for i in facts.written if i < len(args)] + list(kwargs.values())
            if any(x.dim() or not facts.takes_scalars or any(x is y for y in written) for x in host):
                raise MixedDevicesError(f"{facts.name}: {_where(_tensors(args, kwargs))}")
        if asks or facts.value_depends:
            self.traffic.out.count += 1
            self.traffic.out.pageable += 1
        if facts.launches:
            self.traffic.launches[facts.name] += 1

    def _cross(self, func: Any, args: Any, options: Mapping[str, Any], *, into: bool) -> torch.Tensor:
        """Copy a tensor to the other side."""
        source = args[0]
        self._transfer(source, into=into)
        pinned = options.get("pin_memory")
        result: torch.Tensor = func(_held(source), *args[1:], **{**options, "pin_memory": None})
        if into:
            return PretendedTensor(result, self)
        return result.pin_memory() if pinned else result

    def _copy(self, target: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
        """Copy into a tensor of the other side. Gaps in the memory of the device take a launch beside the transfer."""
        into = isinstance(target, PretendedTensor)
        on_device, on_host = (target, source) if into else (source, target)
        self._transfer(on_host, into=into)
        if not on_device.is_contiguous():
            self.traffic.launches["copy_"] += 1
        _held(target).copy_(_held(source))
        return target

    def _transfer(self, tensor: torch.Tensor, *, into: bool) -> None:
        transfers = self.traffic.into if into else self.traffic.out
        transfers.count += 1
        transfers.bytes += tensor.numel() * tensor.element_size()
        transfers.pageable += isinstance(tensor, PretendedTensor) or not self._is_pinned(tensor)


def kernel_name(kernel: Any) -> str:
    """Return the name of the function that a Triton kernel was made from."""
    while hasattr(kernel, "fn"):
        kernel = kernel.fn
    return str(kernel.__name__)


def _held(x: Any) -> Any:
    return x.held if isinstance(x, PretendedTensor) else x


def _is_ours(device: Any) -> bool:
    return device is not None and torch.device(device).type == NAME


def _where(values: Iterable[Any]) -> str:
    tensors = [x for x in values if isinstance(x, torch.Tensor)]
    return ", ".join(f"{tuple(x.shape)} {'on the device' if _is_ours(x.device) else 'on the host'}" for x in tensors)


def _without_lists(index: Any) -> Any:
    """Return an index in which every list is a tensor of the host: torch would make one of the real device `meta`."""
    places = index if isinstance(index, tuple) else (index,)
    return tuple(torch.tensor(x, dtype=None if x else torch.int64) if isinstance(x, list) else x for x in places)


def _tensors(args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[torch.Tensor]:
    """Return all tensors among the arguments of an operation; some may be in lists."""
    values = [*args, *kwargs.values()] if kwargs else args
    lists = [x if isinstance(x, list | tuple) else (x,) for x in values]
    return [x for values in lists for x in values if isinstance(x, torch.Tensor)]


def _mapped(change: Callable[[Any], Any], values: Any) -> Any:
    """Return a value, or a list or tuple of values, changed one by one, to the depth that operations have."""
    if isinstance(values, list | tuple):
        return type(values)([_mapped(change, value) for value in values])
    return change(values)


@dataclass(frozen=True)
class Facts:
    """What counts of an operation, from its schema and its tags.

    written: places of the arguments that it writes into. takes_scalars: whether a tensor without dimensions may be on
    the host. shape_depends, value_depends: whether the host has to know a number for the shape, or as the result.
    """

    name: str
    written: tuple[int, ...]
    launches: bool
    takes_scalars: bool
    shape_depends: bool
    value_depends: bool


@cache
def _facts(func: Any) -> Facts:
    schema, tags = func._schema, func.tags
    name = schema.name.partition("::")[2]
    aliases = [x.alias_info for x in schema.returns]
    view = name == "_unsafe_view" or any(x is not None and not x.is_write for x in aliases)
    written = [i for i, x in enumerate(schema.arguments) if x.alias_info is not None and x.alias_info.is_write]
    return Facts(
        name=name,
        written=tuple(written),
        launches=not view and name not in ALLOCATIONS and name != "_local_scalar_dense",
        takes_scalars=torch.Tag.pointwise in tags or name == "fill_",
        shape_depends=torch.Tag.dynamic_output_shape in tags,
        value_depends=torch.Tag.data_dependent_output in tags,
    )


class _Operations(TorchDispatchMode):
    """Takes every operation over before torch chooses a device for it."""

    def __init__(self, device: PretendedDevice) -> None:
        super().__init__()
        self.device = device

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled inside, and to turn compilation off takes longer than most operations."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self.device.run(func, args, kwargs or {})


class _FromData(TorchFunctionMode):
    """Makes tensors from plain data on the host and copies them: torch would make them on the device unseen."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in FROM_DATA and _is_ours(kwargs.get("device")) and not isinstance(args[0], PretendedTensor):
            device = kwargs.pop("device")
            return func(*args, **kwargs).to(device)
        return func(*args, **kwargs)


@contextmanager
def pretended_device(start: Start | None = None, *, zeroed: bool = False) -> Iterator[PretendedDevice]:
    """Pretend that there is a device. Kernels run on the data that its tensors hold, which takes Triton's interpreter.

    start: called instead of each kernel. zeroed: whether memory that was never written reads as zeros.
    """
    real = launcher.launch
    device = PretendedDevice(start or real, zeroed=zeroed)
    replacement = device.launch
    _replace(real, replacement)
    try:
        with _FromData(), _Operations(device):
            yield device
    finally:
        _replace(replacement, real)


def _replace(old: Start, new: Start) -> None:
    """Replace the function that starts kernels in all of our modules that have imported it."""
    for name, module in list(sys.modules.items()):
        if name.startswith("rnnctl.") and getattr(module, "launch", None) == old:
            module.launch = new  # type: ignore[attr-defined]
