"""The receptive field: which input pixels one output pixel can see, in theory and as measured.

In theory a network is a chain of layers, each with a kernel, a stride, a dilation and a padding. `fields`
gives the bounding box after each of them, `support` the exact set of pixels, holes included. `measured`
finds that set in a network by its gradient; `effective` weighs each pixel by how much it counts.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import torch
from torch import Tensor, nn

from .errors import InputError
from .models import SRCNN, VDSR

Pair = tuple[int, int]

# These work on each pixel alone (in evaluation mode), so they leave the receptive field as it is.
_PIXELWISE = (
    nn.Identity, nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.Dropout,
    nn.Dropout2d, nn.BatchNorm2d,
)  # fmt: skip


@dataclass(frozen=True)
class Layer:
    """One convolution or pooling, as the receptive field sees it.

    Attributes:
        kernel, stride, dilation: pixels, ≥ 1; one number for both axes, or `(rows, columns)`.
        padding: zeros before the first row and column, ≥ 0; the same forms.
        name: for tables.

    Errors: `InputError` for another value.
    """

    kernel: int | Pair
    stride: int | Pair = 1
    dilation: int | Pair = 1
    padding: int | Pair = 0
    name: str = ""

    def __post_init__(self) -> None:
        for what, least in (("kernel", 1), ("stride", 1), ("dilation", 1), ("padding", 0)):
            value = getattr(self, what)
            sides = value if isinstance(value, tuple) else (value, value)
            if len(sides) != 2 or not all(isinstance(n, Integral) and int(n) >= least for n in sides):
                raise InputError(f"{what} must be a whole number >= {least} or a pair of them, got {value!r}")

    def on_axis(self, axis: int) -> tuple[int, int, int, int]:
        """`(kernel, stride, dilation, padding)` on the rows (0) or the columns (1)."""
        values = (self.kernel, self.stride, self.dilation, self.padding)
        kernel, stride, dilation, padding = (int(v[axis] if isinstance(v, tuple) else v) for v in values)
        return kernel, stride, dilation, padding


@dataclass(frozen=True)
class Field:
    """The box of input pixels that an output pixel sees; each attribute is `(rows, columns)`.

    Output pixel `o` sees input pixels `o · jump + start` up to `o · jump + start + size − 1`.

    Attributes:
        size: sides of the box, in input pixels.
        jump: input pixels from one output pixel to the next.
        start: first input pixel that output pixel 0 sees; below 0 it is padding.
    """

    size: Pair = (1, 1)
    jump: Pair = (1, 1)
    start: Pair = (0, 0)

    @property
    def side(self) -> int:
        """The side of a square field. Errors: `InputError` when it is not square."""
        if self.size[0] != self.size[1]:
            raise InputError(f"the field is not square: {self.size[0]}x{self.size[1]} pixels")
        return self.size[0]

    def after(self, layer: Layer) -> Field:
        """The field with one more layer behind.

        With kernel k, stride s, dilation d and padding p:
        `size + (k − 1)·d·jump`, `jump·s` and `start − p·jump`.
        """
        axes = []
        for axis in (0, 1):
            kernel, stride, dilation, padding = layer.on_axis(axis)
            size, jump, start = self.size[axis], self.jump[axis], self.start[axis]
            axes.append((size + (kernel - 1) * dilation * jump, jump * stride, start - padding * jump))
        (size0, jump0, start0), (size1, jump1, start1) = axes
        return Field((size0, size1), (jump0, jump1), (start0, start1))


@dataclass(frozen=True, eq=False)
class Support:
    """The exact set of input pixels that an output pixel reads: each of `rows` with each of `columns`.

    Attributes:
        rows, columns: sorted int64 input coordinates. A stride wider than the kernel before it, or a
            dilation, leaves holes. Both are empty where only padding is read.
    """

    rows: np.ndarray
    columns: np.ndarray

    def mask(self) -> np.ndarray:
        """The set as a bool picture, cut to its bounding box."""
        if 0 in (self.rows.size, self.columns.size):
            return np.zeros((0, 0), dtype=bool)
        rows, columns = self.rows - self.rows[0], self.columns - self.columns[0]
        return _grid(rows, columns, (int(rows[-1]) + 1, int(columns[-1]) + 1))

    def on(self, size: Pair) -> np.ndarray:
        """The set as a bool picture `(H, W)` of a whole image; pixels beside the image are left out."""
        rows = self.rows[(self.rows >= 0) & (self.rows < size[0])]
        columns = self.columns[(self.columns >= 0) & (self.columns < size[1])]
        return _grid(rows, columns, size)


def fields(layers: Iterable[Layer]) -> list[Field]:
    """The field of a pixel after each layer of a chain; the last is that of the whole network.

    Args:
        layers: from the input on, at least one.

    Errors: `InputError` for an empty chain.
    Paper: section 3.1, "2D+1". Chapter: 2.
    """
    steps = [Field()]
    for layer in layers:
        steps.append(steps[-1].after(layer))
    if len(steps) == 1:
        raise InputError("the chain has no layers")
    return steps[1:]


def field(network: nn.Module | Iterable[Layer]) -> Field:
    """The field of a network: `(2D + 1, 2D + 1)` for a VDSR of depth D, 13×13 for SRCNN 9-1-5.

    Args:
        network: a module that `layers_of` can read, or a chain of layers.

    Errors: `InputError`, see `fields` and `layers_of`.
    Paper: section 3.1. Chapter: 2.
    """
    return fields(layers_of(network) if isinstance(network, nn.Module) else network)[-1]


def output_size(layers: Iterable[Layer], size: Pair) -> Pair:
    """Rows and columns that come out of a chain for an image of `size`.

    Errors: `InputError` when a kernel is larger than what reaches it.
    """
    lengths = [_lengths(layers, axis, size[axis])[-1] for axis in (0, 1)]
    return lengths[0], lengths[1]


def support(layers: Iterable[Layer], at: Pair = (0, 0), size: Pair | None = None) -> Support:
    """The exact set of input pixels that output pixel `at` reads.

    Args:
        layers: from the input on; none reads the pixel itself.
        at: row and column of the output pixel. Pixel (0, 0) gives offsets: pixel o reads the same
            set, `o · jump` further on.
        size: of the input image. Without it the plane is endless. With it, paths that lead through
            a padding, of the image or of a layer in between, are left out.

    Errors: `InputError` when the network has no output pixel `at` on an image of `size`.
    Chapter: 2.
    """
    layers = list(layers)
    return Support(*(_read(layers, axis, at[axis], None if size is None else size[axis]) for axis in (0, 1)))


def layers_of(network: nn.Module) -> list[Layer]:
    """The chain of convolutions and poolings in a `VDSR`, an `SRCNN`, or an `nn.Sequential` of layers.

    Layers that work on each pixel alone, such as ReLU, are passed over. A skip connection, as
    VDSR's, adds nothing: the pixel itself is in the field already.

    Errors: `InputError` for a layer of another kind, `ceil_mode`, or padding with anything but zeros
        or, where stride and dilation are 1, a repeated edge narrower than the kernel.
    """
    return list(_read_layers(network, ""))


def measured(network: nn.Module, at: Pair | None = None, size: Pair | None = None) -> np.ndarray:
    """Which input pixels have a non-zero gradient, seen from one output pixel.

    A pixel that counts could still show no gradient: a ReLU may be off, positive and negative paths
    may cancel, and a max pooling passes on one pixel only. So a copy of the network is measured, in
    float64, in which every weight is a positive random number, every bias is zero, and max poolings
    sum. On a positive image all paths are then open and all gradients are positive.

    Args:
        network: `(1, C, H, W)` → `(1, C', H', W')`; a module that `layers_of` can read.
        at: row and column of the output pixel; by default the first whose field leaves the edge free.
        size: of the input image; by default so that one pixel follows the field on each axis.

    Returns: bool `(H, W)`.
    Errors: `InputError` for a network that `layers_of` cannot read, or a pixel that does not exist;
        also when the gradient leaves the range of float64, which takes several hundred layers.
    Paper: section 3.1. Chapter: 2.
    """
    layers = layers_of(network)
    at, size = _place(layers, at, size)
    support(layers, at, size)  # raises when the pixel does not exist
    generator = torch.Generator().manual_seed(0)
    opened = _opened(network, generator)
    image = torch.rand((1, _channels_in(network), *size), generator=generator, dtype=torch.float64) + 0.5
    gradient = _gradient(opened, image, at)
    if not torch.isfinite(gradient).all() or (gradient[gradient > 0] < 1e-290).any():
        raise InputError(f"the gradient through {len(layers)} layers leaves the range of float64")
    return (gradient[0] > 0).numpy()


def effective(network: nn.Module, images: Tensor, at: Pair | None = None) -> np.ndarray:
    """The effective receptive field: how much each input pixel counts for one output pixel.

    The mean over images of |∂ output / ∂ input|, by the network's own weights, in float64. It falls
    off from the middle like a bell, and is smaller than the field of the theory.

    Args:
        network: a module `(N, C, H, W)` → `(N, C', H', W')`, in evaluation mode for the measurement.
        images: `(N, C, H, W)` in the network's input range: pictures, or noise.
        at: row and column of the output pixel; by default the middle one.

    Returns: `(H, W)` float64, ≥ 0, summed over channels.
    Errors: `InputError` for another shape, no images, or a pixel outside the output.
    Source: Luo, Li, Urtasun and Zemel 2016, section 3. Chapter: 2.
    """
    if images.ndim != 4 or 0 in images.shape:
        raise InputError(f"images must be (N, C, H, W) and not empty, got {tuple(images.shape)}")
    network = copy.deepcopy(network).double().eval()
    device = next((p.device for p in network.parameters()), images.device)
    gradient = _gradient(network, images.to(device, torch.float64), at)
    return gradient.mean(dim=0).cpu().numpy()


def _grid(rows: np.ndarray, columns: np.ndarray, size: Pair) -> np.ndarray:
    result = np.zeros(size, dtype=bool)
    result[np.ix_(rows, columns)] = True
    return result


def _lengths(layers: Iterable[Layer], axis: int, length: int) -> list[int]:
    """Lengths of an axis before the first layer and after each."""
    if length < 1:
        raise InputError(f"an image must have at least one pixel on each axis, got {length}")
    lengths = [length]
    for layer in layers:
        kernel, stride, dilation, padding = layer.on_axis(axis)
        rest = lengths[-1] + 2 * padding - dilation * (kernel - 1) - 1
        if rest < 0:
            raise InputError(f"{layer} does not fit on an axis of {lengths[-1]} pixels, of an image of {length}")
        lengths.append(rest // stride + 1)
    return lengths


def _read(layers: Sequence[Layer], axis: int, position: int, length: int | None) -> np.ndarray:
    """Sorted input coordinates on one axis that lead to an output position, followed back layer by layer."""
    lengths = None if length is None else _lengths(layers, axis, length)
    if lengths is not None and not 0 <= position < lengths[-1]:
        raise InputError(f"there is no output pixel {position} on an axis of {lengths[-1]} output pixels")
    positions = np.array([position], dtype=np.int64)
    for k in reversed(range(len(layers))):
        kernel, stride, dilation, padding = layers[k].on_axis(axis)
        positions = np.unique(positions[:, None] * stride + np.arange(kernel) * dilation - padding)
        if lengths is not None:
            positions = positions[(positions >= 0) & (positions < lengths[k])]
    return positions


def _place(layers: Sequence[Layer], at: Pair | None, size: Pair | None) -> tuple[Pair, Pair]:
    """The defaults of `measured`: an output pixel and an image, so that its field touches no edge."""
    whole = fields(layers)[-1]
    places, sizes = [], []
    for axis in (0, 1):
        jump, start = whole.jump[axis], whole.start[axis]
        place = -((start - 1) // jump) if at is None else at[axis]  # the first whose box starts at 1 or later
        places.append(place)
        sizes.append(place * jump + start + whole.size[axis] + 1 if size is None else size[axis])
    return (places[0], places[1]), (sizes[0], sizes[1])


def _read_layers(module: nn.Module, name: str) -> Iterable[Layer]:
    if isinstance(module, (VDSR, SRCNN)):
        for k, conv in enumerate(module.convs):
            yield from _read_layers(conv, f"{name}.conv {k + 1}".removeprefix("."))
    elif isinstance(module, nn.Sequential):
        for key, child in module.named_children():
            yield from _read_layers(child, f"{name}.{key}".removeprefix("."))
    elif isinstance(module, nn.Conv2d):
        padding = module.padding
        if isinstance(padding, str):
            same = [d * (k - 1) // 2 for k, d in zip(module.kernel_size, module.dilation, strict=True)]
            if padding == "same" and any(
                d * (k - 1) % 2 for k, d in zip(module.kernel_size, module.dilation, strict=True)
            ):
                raise InputError(f"{module} pads one side more than the other, wanted an odd kernel")
            padding = _pair(same) if padding == "same" else (0, 0)
        # A repeated edge adds nothing to a field without holes: whoever looks past the edge sees it anyway,
        # unless the padding is so wide that a whole kernel lies in it.
        dense = _pair(module.stride) == _pair(module.dilation) == (1, 1)
        dense = dense and all(p < k for p, k in zip(_pair(padding), module.kernel_size, strict=True))
        if module.padding_mode != "zeros" and not (module.padding_mode == "replicate" and dense):
            raise InputError(
                f"{module} pads with {module.padding_mode!r}, wanted zeros, "
                "or 'replicate' where stride and dilation are 1 and the padding is narrower than the kernel"
            )
        yield Layer(_pair(module.kernel_size), _pair(module.stride), _pair(module.dilation), _pair(padding), name)
    elif isinstance(module, (nn.MaxPool2d, nn.AvgPool2d)):
        if module.ceil_mode:
            raise InputError(f"{module} has ceil_mode, wanted a pooling without it")
        dilation = module.dilation if isinstance(module, nn.MaxPool2d) else 1
        yield Layer(_pair(module.kernel_size), _pair(module.stride), _pair(dilation), _pair(module.padding), name)
    elif not isinstance(module, _PIXELWISE):
        raise InputError(
            f"cannot read the layers of a {type(module).__name__}, wanted a VDSR, an SRCNN or an nn.Sequential "
            "of Conv2d, MaxPool2d, AvgPool2d and layers that work on each pixel alone"
        )


def _pair(value: int | Sequence[int]) -> Pair:
    return (int(value), int(value)) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _channels_in(network: nn.Module) -> int:
    return next((m.in_channels for m in network.modules() if isinstance(m, nn.Conv2d)), 1)


class _SumPool(nn.Module):
    """A pooling that passes all of its window on, at the geometry of a max pooling."""

    def __init__(self, layer: Layer):
        super().__init__()
        (self.kernel, self.stride, self.dilation, self.padding) = zip(layer.on_axis(0), layer.on_axis(1), strict=True)

    def forward(self, x: Tensor) -> Tensor:
        ones = x.new_ones((x.shape[1], 1, *self.kernel))
        return nn.functional.conv2d(x, ones, None, self.stride, self.padding, self.dilation, groups=x.shape[1])


def _opened(network: nn.Module, generator: torch.Generator) -> nn.Module:
    """A float64 copy on the CPU in which no path is closed and none cancels another; see `measured`."""
    if isinstance(network, nn.MaxPool2d):
        return _SumPool(layers_of(network)[0])
    network = copy.deepcopy(network).double().cpu().eval()
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.MaxPool2d):
                setattr(parent, name, _SumPool(layers_of(child)[0]))
            elif isinstance(child, _PIXELWISE) and not isinstance(child, nn.ReLU):
                setattr(parent, name, nn.Identity())  # e.g. a sigmoid that saturates, a negative batch norm
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                weight = module.weight
                weight.copy_(torch.rand(weight.shape, generator=generator, dtype=weight.dtype) + 0.5)
                # Between the sum (overflows) and the mean (underflows at the corners), in deep chains.
                weight /= weight.shape[1] * float(np.sqrt(np.prod(weight.shape[2:])))
                if module.bias is not None:
                    module.bias.zero_()
    return network


def _gradient(network: nn.Module, images: Tensor, at: Pair | None) -> Tensor:
    """|∂ output[at] / ∂ input| `(N, H, W)`, summed over channels; each image on its own."""
    images = images.detach().clone().requires_grad_()
    with torch.enable_grad():
        output = network(images)
        at = (output.shape[-2] // 2, output.shape[-1] // 2) if at is None else at
        if not all(0 <= p < n for p, n in zip(at, output.shape[-2:], strict=True)):
            raise InputError(f"there is no output pixel {at} in an output of shape {tuple(output.shape)}")
        (gradient,) = torch.autograd.grad(output[..., at[0], at[1]].sum(), images)
    return gradient.abs().sum(dim=1)
