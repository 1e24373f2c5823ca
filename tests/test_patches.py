"""Patches: counts, order of degradation, symmetries."""

import numpy as np
import pytest
import torch

from vdsr_lib.degradation import degrade, modcrop
from vdsr_lib.errors import InputError
from vdsr_lib.images import luma, to_uint8
from vdsr_lib.patches import count_patches, extract_patches
from vdsr_lib.symmetry import apply_symmetry


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (100, 130, 3), dtype=np.uint8)


def test_whole_images_are_degraded_then_cut(image):
    patches = extract_patches([image], (3,), size=41, stride=41)
    y = modcrop(to_uint8(luma(image), data_range=255) / 255.0, 3)
    interpolated = degrade(y, 3).interpolated
    assert len(patches) == 2 * 3
    # Patch 4 is row 1, column 1.
    np.testing.assert_allclose(patches.interpolated[4, 0], interpolated[41:82, 41:82], atol=1e-6)
    np.testing.assert_allclose(patches.high_res[4, 0], y[41:82, 41:82], atol=1e-6)


def test_a_patch_cut_first_would_differ_at_its_border(image):
    patches = extract_patches([image], (2,), size=40, stride=40)
    cut_first = degrade(patches.high_res[0, 0].double().numpy(), 2).interpolated
    difference = np.abs(cut_first - patches.interpolated[0, 0].numpy())
    # At the image's own border both agree; inside the image the cut makes a border up to 4 pixels wide.
    assert difference[:30, :30].max() < 1e-6
    assert difference[:, -4:].max() > 0.01


def test_scales_are_mixed_in_one_set(image):
    patches = extract_patches([image, image], (2, 3, 4))
    assert [int((patches.scale == s).sum()) for s in (2, 3, 4)] == [12, 12, 12]
    assert patches.interpolated.dtype == torch.float32
    assert patches.interpolated.shape == patches.high_res.shape == (36, 1, 41, 41)


def test_paper_count_of_t91(data):
    data("T91")
    from vdsr_lib.datasets import load_set

    # 7,992 patches / 64 = 124.9 steps an epoch; the paper's 9,960 steps / 80 epochs = 124.5.
    assert len(extract_patches(load_set("T91").values(), (2, 3, 4))) == 7992


@pytest.mark.parametrize(("size", "stride"), [(41, 41), (33, 14), (20, 7)])
def test_counting_needs_no_patches(image, size, stride):
    images = [image, image[:45, :41], image[:20, :100]]
    counted = count_patches([x.shape for x in images], (2, 3, 4), size=size, stride=stride)
    assert counted == len(extract_patches(images, (2, 3, 4), size=size, stride=stride))


def test_batch_moves_input_and_target_alike(image):
    patches = extract_patches([image], (2,))
    index, symmetry = torch.tensor([3, 0, 5]), torch.tensor([0, 5, 6])
    x, y = patches.batch(index, symmetry)
    assert torch.equal(x, apply_symmetry(patches.interpolated[index], symmetry))
    assert torch.equal(y, apply_symmetry(patches.high_res[index], symmetry))


def test_bad_input(image):
    with pytest.raises(InputError, match="no image is large enough"):
        extract_patches([image[:20]], (2,))
    with pytest.raises(InputError, match="stride"):
        extract_patches([image], (2,), stride=0)
    with pytest.raises(InputError, match="scales"):
        extract_patches([image], ())


def test_patches_move_whole_and_their_loss_is_of_the_difference():
    from vdsr_lib.patches import Patches, loss_by_scale

    half, full = torch.full((2, 1, 3, 3), 0.5), torch.full((2, 1, 3, 3), 0.75)
    patches = Patches(half, full, torch.tensor([2, 3]))
    assert loss_by_scale(patches) == {2: 0.5 * 9 * 0.25**2, 3: 0.5 * 9 * 0.25**2}
    moved = patches.to("meta")
    assert all(t.device.type == "meta" for t in (moved.interpolated, moved.high_res, moved.scale))
    same = patches.to("cpu")
    assert torch.equal(same.interpolated, half)
    assert torch.equal(same.high_res, full)
    assert same.scale.tolist() == [2, 3]


def test_a_stride_of_one_pixel_is_the_densest():
    patches = extract_patches([np.zeros((6, 7), np.uint8)], (2,), size=4, stride=1)
    assert len(patches) == 3 * 3  # 6 x 6 after the crop to whole pairs


def test_a_scale_that_gives_no_patch_does_not_end_the_picture():
    assert len(extract_patches([np.zeros((3, 3), np.uint8)], (4, 2), size=1, stride=1)) == 4  # too small for 4
    assert len(extract_patches([np.zeros((5, 5), np.uint8)], (4, 5), size=5)) == 1  # 4 x 4 after the crop for 4


def test_patches_are_counted_at_the_papers_size_unless_another_is_asked_for():
    shapes = [(123, 164), (84, 90)]
    assert count_patches(shapes) == count_patches(shapes, (2, 3, 4), size=41, stride=41)
    assert count_patches(shapes) not in (count_patches(shapes, size=42), count_patches(shapes, stride=42))
