"""Rounding to formats with fewer digits: equal to torch's own where torch has the format, by definition where not."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vdsr_lib.analysis.number_formats import FORMATS, round_to, rounded_forward
from vdsr_lib.errors import InputError
from vdsr_lib.models import SRCNN, VDSR

OWN = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}


@pytest.mark.parametrize("name", OWN)
def test_formats_are_those_that_torch_knows(name):
    info = torch.finfo(OWN[name])
    assert FORMATS[name].step == info.eps
    assert FORMATS[name].largest == info.max


@given(st.floats(width=32, allow_nan=False, allow_infinity=False).filter(lambda v: v == 0 or 1e-30 < abs(v) < 1e30))
def test_tf32_is_the_nearest_with_ten_digits_ties_to_even(value):
    got = round_to(torch.tensor([value], dtype=torch.float32), "tf32").double().item()
    mantissa, exponent = np.frexp(np.float64(value))
    assert got == np.ldexp(np.rint(np.ldexp(mantissa, 11)), exponent - 11)


@pytest.mark.parametrize("name", FORMATS)
def test_rounding_is_idempotent_odd_and_close(name):
    x = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    once = round_to(x, name)
    assert torch.equal(round_to(once, name), once)
    assert torch.equal(round_to(-x, name), -once)
    normal = x.abs() > 1e-4
    assert float(((once - x) / x)[normal].abs().max()) <= FORMATS[name].step / 2
    if name in OWN:
        assert torch.equal(once, x.to(OWN[name]).float())


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_not_finite_stays(name):
    x = torch.tensor([float("inf"), -float("inf"), float("nan"), 0.0])
    got = round_to(x, name)
    assert torch.equal(got[[0, 1, 3]], x[[0, 1, 3]])
    assert got[2].isnan()


@pytest.mark.parametrize("residual", [True, False])
def test_without_rounding_it_is_the_network(residual):
    torch.manual_seed(0)
    network, x = VDSR(4, 5, residual=residual), torch.rand(2, 1, 9, 11)
    before = [p.clone() for p in network.parameters()]
    torch.testing.assert_close(rounded_forward(network, x), network(x).detach(), rtol=0, atol=1e-6)
    rounded_forward(network, x, weights="bf16")
    assert all(torch.equal(p, q) for p, q in zip(network.parameters(), before, strict=True))


def test_each_part_rounds_what_it_says():
    torch.manual_seed(1)
    network, x = VDSR(3, 4), torch.rand(1, 1, 8, 8)
    exact = rounded_forward(network, x)
    for part in ("weights", "picture", "signals", "skip"):
        assert not torch.equal(rounded_forward(network, x, **{part: "bf16"}), exact), part
    at_start = rounded_forward(network, round_to(x, "bf16")) - round_to(x, "bf16") + x
    torch.testing.assert_close(rounded_forward(network, x, picture="bf16"), at_start, rtol=0, atol=1e-6)
    ends = rounded_forward(network, x, skip="bf16")
    assert torch.equal(round_to(ends, "bf16"), ends)
    coarse = VDSR(3, 4)
    coarse.load_state_dict({n: round_to(t, "bf16") if n.endswith("weight") else t
                            for n, t in network.state_dict().items()})  # fmt: skip
    assert torch.equal(rounded_forward(coarse, x), rounded_forward(network, x, weights="bf16"))


def test_errors_name_what_came_in():
    with pytest.raises(InputError, match=r"fp8.*fp32"):
        round_to(torch.zeros(1), "fp8")
    with pytest.raises(InputError, match="float64"):
        round_to(torch.zeros(1).double(), "bf16")
    with pytest.raises(InputError, match="SRCNN"):
        rounded_forward(SRCNN(), torch.zeros(1, 1, 20, 20))
