"""The eight symmetries of the square: one definition, for batches, for images of any shape, for pixels of files."""

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image, ImageOps

from vdsr_lib.errors import InputError
from vdsr_lib.symmetry import EXIF, apply_symmetry, orient, orient_back, orient_pixels


def test_eight_symmetries_are_the_square_s():
    square = torch.arange(9.0).view(1, 1, 3, 3).expand(8, 1, 3, 3)
    seen = {tuple(x.flatten().tolist()) for x in apply_symmetry(square, torch.arange(8))}
    one = square[:1]
    expected = set()
    for k in range(4):
        turned = one.rot90(k, (-2, -1))
        expected |= {tuple(turned.flatten().tolist()), tuple(turned.flip(-1).flatten().tolist())}
    assert seen == expected
    assert len(seen) == 8


@pytest.mark.parametrize("symmetry", range(8))
def test_orientations_are_those_of_the_patches_and_are_undone(symmetry):
    square = torch.arange(25.0).reshape(1, 1, 5, 5)
    assert torch.equal(orient(square, symmetry), apply_symmetry(square, torch.tensor([symmetry])))
    oblong = torch.rand(2, 3, 4, 7)
    turned = orient(oblong, symmetry)
    assert turned.shape == ((2, 3, 7, 4) if symmetry & 4 else (2, 3, 4, 7))
    assert torch.equal(orient_back(turned, symmetry), oblong)


def test_the_eight_orientations_differ():
    oblong = torch.arange(6.0).reshape(1, 1, 2, 3)
    assert len({(tuple(o.shape), tuple(o.flatten().tolist())) for o in (orient(oblong, k) for k in range(8))}) == 8


@pytest.mark.parametrize("symmetry", range(8))
@pytest.mark.parametrize("shape", [(2, 3), (4, 5, 3)])
def test_pixels_are_turned_as_images_are(symmetry, shape):
    pixels = np.arange(np.prod(shape)).reshape(shape)
    turned = orient_pixels(pixels, symmetry)
    planes = torch.as_tensor(pixels.reshape(*shape[:2], -1)).movedim(-1, 0)
    np.testing.assert_array_equal(turned.reshape(*turned.shape[:2], -1), orient(planes, symmetry).movedim(0, -1))
    assert turned.flags.c_contiguous


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_made_upright_as_pillow_does_it(orientation):
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    image = Image.fromarray(pixels)
    image.getexif()[ExifTags.Base.Orientation] = orientation
    np.testing.assert_array_equal(orient_pixels(pixels, EXIF[orientation]), np.asarray(ImageOps.exif_transpose(image)))


@pytest.mark.parametrize("symmetry", [-1, 8, 0.5])
def test_there_are_eight_symmetries(symmetry):
    for function in (orient, orient_back):
        with pytest.raises(InputError, match=r"\[0, 8\)"):
            function(torch.zeros(1, 1, 2, 2), symmetry)


def test_planes_are_turned_on_their_last_two_axes():
    plane = torch.arange(6.0).reshape(2, 3)
    for symmetry in range(8):
        for image in (plane, plane[None], plane[None, None], plane[None, None, None]):
            turned = orient(image, symmetry)
            assert torch.equal(turned.reshape(turned.shape[-2:]), orient(plane, symmetry))
            assert torch.equal(orient_back(turned, symmetry), image)
