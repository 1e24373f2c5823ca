"""The self-checks of the book's exercises, by topic: each compares an answer with what this library finds.

A check takes an answer, a number or a function of yours, says so when it is right, and raises
`WrongAnswer` with a hint when it is not. It needs no network, and draws no global random numbers.
"""

# ruff: noqa: F401 -- what is imported here is for others; PLACES lists the checks, and a test holds the two in step
import warnings
from typing import Any

from .answers import PREFIX, WrongAnswer
from .batches import check_balanced_batch, check_loss_shares, check_unequal_batches
from .computing import check_flop_count, check_rounded_bits, check_tiles
from .ensembles import check_ensemble_gain, check_self_ensemble
from .fields import (
    check_centre_share,
    check_centre_share_of_5x5,
    check_chain_side,
    check_depth_for_field,
    check_dilations,
)
from .initialisation import (
    check_fan_out_energy,
    check_layer_energies,
    check_leaky_gain,
    check_levelled_network,
    check_sigmoid_chain,
)
from .residuals import (
    check_bicubic_psnr,
    check_deep_rate_ratio,
    check_network_without_sum,
    check_residual_loss,
    check_stable_rate,
    check_sum_against_copy,
)
from .sampling import (
    check_doubling_matrix,
    check_guessed_scale,
    check_lost_directions,
    check_lost_frequencies,
    check_pixel_shuffle,
    check_twin,
)
from .scores import (
    check_halved_error,
    check_mystery_protocols,
    check_new_protocols,
    check_protocol_of_a_report,
    check_psnr,
    check_recorded_scores,
    mystery_reports,
)
from .sparse_coding import (
    check_identity_network,
    check_ista,
    check_soft_threshold,
    check_trained_srcnn,
    check_weight_count,
)
from .steps import check_averaged_loss, check_clip, check_largest_change, check_orthogonal_step, check_theta_for_share
from .uncertainty import check_bootstrap_interval, check_distance_in_seeds

# Where each check's exercise stands: the page and its label there. The book's only table of the two.
PLACES = {
    "check_doubling_matrix": ("01_task", "ex-01c"),
    "check_lost_directions": ("01_task", "ex-01f"),
    "check_twin": ("01_task", "ex-01g"),
    "check_halved_error": ("01b_score", "ex-01a"),
    "check_psnr": ("01b_score", "ex-01b"),
    "check_mystery_protocols": ("01b_score", "ex-01d"),
    "check_new_protocols": ("01b_score", "ex-01e"),
    "check_depth_for_field": ("02_receptive_field", "ex-02a"),
    "check_chain_side": ("02_receptive_field", "ex-02b"),
    "check_dilations": ("02_receptive_field", "ex-02c"),
    "check_centre_share": ("02_receptive_field", "ex-02d"),
    "check_centre_share_of_5x5": ("02_receptive_field", "ex-02e"),
    "check_weight_count": ("03_srcnn", "ex-03a"),
    "check_soft_threshold": ("03_srcnn", "ex-03b"),
    "check_ista": ("03_srcnn", "ex-03c"),
    "check_identity_network": ("03_srcnn", "ex-03d"),
    "check_trained_srcnn": ("03_srcnn", "ex-03e"),
    "check_leaky_gain": ("04_going_deep", "ex-04a"),
    "check_layer_energies": ("04_going_deep", "ex-04b"),
    "check_fan_out_energy": ("04_going_deep", "ex-04c"),
    "check_levelled_network": ("04_going_deep", "ex-04d"),
    "check_sigmoid_chain": ("04_going_deep", "ex-04e"),
    "check_bicubic_psnr": ("05_residual_learning", "ex-05a"),
    "check_residual_loss": ("05_residual_learning", "ex-05b"),
    "check_stable_rate": ("05_residual_learning", "ex-05c"),
    "check_network_without_sum": ("05_residual_learning", "ex-05d"),
    "check_deep_rate_ratio": ("05_residual_learning", "ex-05e"),
    "check_sum_against_copy": ("05_residual_learning", "ex-05f"),
    "check_largest_change": ("06_gradient_clipping", "ex-06a"),
    "check_clip": ("06_gradient_clipping", "ex-06b"),
    "check_averaged_loss": ("06_gradient_clipping", "ex-06c"),
    "check_theta_for_share": ("06_gradient_clipping", "ex-06d"),
    "check_lost_frequencies": ("07_many_scales", "ex-07a"),
    "check_loss_shares": ("07_many_scales", "ex-07b"),
    "check_balanced_batch": ("07_many_scales", "ex-07c"),
    "check_guessed_scale": ("07_many_scales", "ex-07d"),
    "check_recorded_scores": ("08_reproduction", "ex-08a"),
    "check_protocol_of_a_report": ("08_reproduction", "ex-08b"),
    "check_distance_in_seeds": ("08_reproduction", "ex-08c"),
    "check_bootstrap_interval": ("08_reproduction", "ex-08d"),
    "check_ensemble_gain": ("09_ten_years_later", "ex-09a"),
    "check_self_ensemble": ("09_ten_years_later", "ex-09b"),
    "check_orthogonal_step": ("09_ten_years_later", "ex-09c"),
    "check_pixel_shuffle": ("09_ten_years_later", "ex-09d"),
    "check_flop_count": ("10_scaling_and_shipping", "ex-10a"),
    "check_rounded_bits": ("10_scaling_and_shipping", "ex-10b"),
    "check_unequal_batches": ("10_scaling_and_shipping", "ex-10c"),
    "check_tiles": ("10_scaling_and_shipping", "ex-10d"),
}


def current(name: str) -> str:
    """A check by its name of today; before, each had its exercise's label instead: `check_06b`, of `ex-06b`.

    Errors: `KeyError` for a name that no exercise has or had.
    """
    if name in PLACES:
        return name
    return {f"{PREFIX}{label.removeprefix('ex-')}": check for check, (_, label) in PLACES.items()}[name]


def __getattr__(name: str) -> Any:
    """What notebooks call that were handed out before version 0.2.0.

    Errors: `AttributeError` for any other name.
    """
    try:
        now = "mystery_reports" if name == "mystery_01d" else current(name)
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    warnings.warn(f"exercises.{name} is now exercises.{now}", DeprecationWarning, stacklevel=2)
    return globals()[now]
