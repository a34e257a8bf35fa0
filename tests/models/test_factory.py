import numpy as np
import pytest
import torch
from torch import nn

from quantmia.data import Dataset
from quantmia.errors import QuantmiaError
from quantmia.models.factory import initial_sizes, model_factory, try_out

IMAGES = Dataset(
    "images",
    np.random.default_rng(0).normal(size=(30, 1, 4, 5)).astype(np.float32),
    np.arange(30) % 3,
    "multiclass",
    tuple(map(str, range(30))),
)


class Convolution(nn.Module):
    def __init__(self, in_shape, out_features, channels=2):
        super().__init__()
        self.filter = nn.Conv2d(in_shape[0], channels, 3)
        self.head = nn.Linear(channels * (in_shape[1] - 2) * (in_shape[2] - 2), out_features)

    def forward(self, x):
        return self.head(torch.relu(self.filter(x)).flatten(1))


def entry(name, **arguments):
    return {"_target_": f"{__name__}.{name}", **arguments}


def flat(in_features, out_features):
    return nn.Sequential(nn.Flatten(), nn.Linear(in_features, out_features))


def knows_itself():
    return nn.Sequential(nn.Flatten(), nn.Linear(20, 3))


@pytest.mark.parametrize(
    "config", [entry("flat"), entry("Convolution", channels=4), entry("knows_itself")]
)
def test_sizes_are_filled_in_where_they_are_wanted(config):
    factory = model_factory(config, IMAGES)
    try_out(factory, torch.from_numpy(IMAGES.features[:2]), 3)
    assert factory()(torch.from_numpy(IMAGES.features)).shape == (30, 3)


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        (lambda: nn.Linear(7, 3), r"fails on samples of shape \[1, 4, 5\]: RuntimeError"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(20, 2)), r"\[2, 2\].*wants \[2, 3\]"),
        (lambda: nn.Flatten(), "no parameters"),
        (lambda: "a text", "returned a str"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(20, 3), nn.LSTM(3, 3)), "returns tuple"),
    ],
)
def test_a_module_that_does_not_fit_is_refused_with_the_reason(factory, words):
    with pytest.raises(QuantmiaError, match=words):
        try_out(factory, torch.from_numpy(IMAGES.features[:2]), 3)


def test_trying_a_module_draws_from_no_stream():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    try_out(lambda: nn.Sequential(nn.Flatten(), nn.Linear(20, 3)), torch.zeros(2, 1, 4, 5), 3)
    assert torch.equal(torch.rand(1), expected)


def test_what_a_model_starts_from_tells_of_weights_that_are_read_from_a_file(tmp_path):
    path = tmp_path / "backbone.pt"

    def pretrained():
        model = flat(20, 3)
        model.load_state_dict(torch.load(path))
        return model

    torch.save(flat(20, 3).state_dict(), path)
    before = initial_sizes(pretrained)
    assert before == initial_sizes(pretrained)
    assert set(before) == {"1.weight", "1.bias"}
    torch.save(flat(20, 3).state_dict(), path)
    assert initial_sizes(pretrained) != before
    drawn = initial_sizes(lambda: flat(20, 3))
    assert drawn == initial_sizes(lambda: flat(20, 3))
