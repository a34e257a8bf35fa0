from quantmia.config.places import conf_dir


def test_the_built_in_configurations_are_found():
    assert (conf_dir() / "config.yaml").is_file()
