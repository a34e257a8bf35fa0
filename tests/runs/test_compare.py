from quantmia.runs.compare import as_there, differing_keys, without_idle_bounds


def test_differing_keys_are_dotted_sorted_and_have_both_values():
    there = {"b": {"x": 1, "y": {"z": 2}}, "a": [1, 2], "name": "one", "empty": {}}
    here = {"b": {"x": 1, "y": {"z": 3}}, "a": [1], "name": "two", "new": None}
    assert differing_keys(there, here, ()) == [
        "a: [1, 2] and [1]",
        "b.y.z: 2 and 3",
        "empty: {} and (absent)",
        "name: one and two",
        "new: (absent) and None",
    ]
    assert differing_keys(there, here, ("a", "b", "empty", "new", "name")) == []
    assert differing_keys({"a": {}}, {"a": {"x": 1}}, ()) == [
        "a: {} and (absent)",
        "a.x: (absent) and 1",
    ]


PLAIN = {"epsilon": None, "noise_multiplier": None}


def test_noise_that_an_epsilon_decides_is_what_it_was_there():
    def config(epsilon, noise):
        dp = {"epsilon": epsilon, "noise_multiplier": noise}
        return {"device": "cpu", "training": {"stack": 1, "vectorize": True, "dp": dp}}

    there = config(8.0, 1.5)
    assert as_there(config(8.0, None), there) == there
    assert as_there(config(4.0, None), there) == config(4.0, None)
    assert as_there(config(None, 1.4), there) == config(None, 1.4)
    assert as_there(config(8.0, None), config(None, 1.5)) == config(8.0, None)
    assert as_there(config(None, None), there) == config(None, None)


def test_auto_is_what_it_was_there():
    there = {"device": "cpu", "training": {"stack": 20, "vectorize": False, "lr": 1, "dp": PLAIN}}
    here = {
        "device": "auto",
        "training": {"stack": "auto", "vectorize": "auto", "lr": 2, "dp": PLAIN},
    }
    assert as_there(here, there) == {"device": "cpu", "training": there["training"] | {"lr": 2}}
    assert here["training"]["vectorize"] == "auto"
    said = {"device": "cuda", "training": {"stack": 5, "vectorize": True, "lr": 1, "dp": PLAIN}}
    assert as_there(said, there) == said


def test_a_bound_that_keeps_all_is_none():
    def config(losses, releases):
        return {"indicator": {"samples": losses, "grids": [1]}, "release": {"samples": releases}}

    data = {"validation": 400, "pool": 600}
    assert without_idle_bounds(config(400, 600), data) == config(None, None)
    assert without_idle_bounds(config(399, 599), data) == config(399, 599)
    assert without_idle_bounds(config(None, 10000), data) == config(None, None)
    assert without_idle_bounds(config(400, 600), {}) == config(400, 600), "of nobody knows how many"
    assert without_idle_bounds({"release": {"mis": 0.5}}, data) == {"release": {"mis": 0.5}}
    kept = config(400, 600)
    without_idle_bounds(kept, data)
    assert kept == config(400, 600), "what was given is not changed"
