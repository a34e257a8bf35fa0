import pytest
import torch

from quantmia.models.heads import linear, mlp


@pytest.mark.parametrize("head", [linear, mlp])
def test_images_are_flattened_and_rows_are_taken_as_they_are(head):
    images = torch.randn(5, 2, 3, 4, generator=torch.Generator().manual_seed(0))
    assert head(24, 3, in_shape=(2, 3, 4))(images).shape == (5, 3)
    plain, told = head(24, 3), head(24, 3, in_shape=(24,))
    assert list(plain.state_dict()) == list(told.state_dict())
    assert plain(images.flatten(1)).shape == told(images.flatten(1)).shape == (5, 3)
