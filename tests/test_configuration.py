"""Every number of a configuration is checked before any work."""

import math
from dataclasses import fields

import pytest

from vdsr_lib.errors import InputError
from vdsr_lib.training import TrainingConfig

NUMBERS = [
    f.name for f in fields(TrainingConfig) if isinstance(f.default, int | float) and f.default not in (True, False)
]
NUMBERS += ["steps", "warmup_steps", "cooldown_steps", "seed", "ema", "last_layer_factor"]
WHOLE = {"steps", "batch_size", "warmup_steps", "cooldown_steps", "seed", "log_every"}
MAY_BE_0 = {"momentum", "weight_decay", "warmup_steps", "cooldown_steps", "last_layer_factor", "ema", "seed"}
MAY_BE_INFINITE = {"drop_epochs", "theta", "max_norm"}


@pytest.mark.parametrize("name", sorted(set(NUMBERS)))
def test_what_is_no_such_number_is_refused(name):
    bad = [math.nan, -math.inf, -1, -1e-300, "1", True, [1], 1j]
    bad += [] if name in MAY_BE_0 else [0]
    bad += [] if name in MAY_BE_INFINITE else [math.inf, 10**400]
    bad += [1.5, 2.0] if name in WHOLE else []
    bad += [None] if name != "steps" else []
    bad += [1] if name in ("momentum", "ema") else []
    for value in bad:
        with pytest.raises(InputError, match=rf"{name} .*must be"):
            TrainingConfig(**{name: value})


@pytest.mark.parametrize("name", sorted(set(NUMBERS)))
def test_what_is_one_is_taken(name):
    values = [0.5] if name in ("momentum", "ema") else [1, 1000]
    values += [0] if name in MAY_BE_0 else []
    values += [math.inf] if name in MAY_BE_INFINITE else []
    for value in values:
        assert getattr(TrainingConfig(**{name: value}), name) == value
    assert TrainingConfig(seed=2**32 - 1).seed == 2**32 - 1
    with pytest.raises(InputError, match="seed"):
        TrainingConfig(seed=2**32)


def test_after_hundreds_of_drops_the_rate_is_zero_and_no_error():
    config = TrainingConfig(epochs=1e6, drop_epochs=1e-3)
    assert config.rate(0, 64) == 0.1
    assert config.rate(1, 64) == 0.0
    assert TrainingConfig(drop_epochs=5e-324).rate(10, 64) == 0.0
    assert TrainingConfig(drop_epochs=math.inf).rate(10**9, 64) == 0.1


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("theta", 0, "theta must be a number > 0, got 0"),
        ("ema", 2, "ema must be a number in [0, 1], got 2"),
        ("batch_size", 0, "batch_size must be a whole number in ["),
        ("learning_rate", 0, "learning_rate must be a number in (0, 1e+09], got 0"),
        ("loss", "l3", "loss must be one of l2, l1, got 'l3'"),
    ],
)
def test_the_message_says_what_was_wanted(name, value, says):
    with pytest.raises(InputError) as caught:
        TrainingConfig(**{name: value})
    assert str(caught.value).startswith(says)


def test_a_cosine_over_epochs_ends_at_zero_with_them():
    config = TrainingConfig(schedule="cosine", epochs=4, batch_size=5, warmup_steps=2, learning_rate=1.0)
    assert [config.rate(step, 10) for step in (0, 1, 2, 5, 8)] == pytest.approx([0.5, 1, 1, 0.5, 0])


def test_schedules_at_their_ends():
    short = TrainingConfig(schedule="cosine", steps=3, warmup_steps=2, learning_rate=1.0)
    assert [short.rate(step, 10) for step in (2, 3)] == pytest.approx([1, 0])
    cooldown = TrainingConfig(schedule="cooldown", epochs=4, batch_size=5, cooldown_steps=4, learning_rate=1.0)
    assert [cooldown.rate(step, 10) for step in (3, 4, 6, 8)] == pytest.approx([1, 1, 0.5, 0])
