"""The defaults of the checkout under a user's configuration."""

import yaml
from red_herring.study import configuration


def test_maps_are_merged_and_all_else_is_replaced():
    defaults = yaml.safe_load(configuration.DEFAULTS.read_text())
    assert configuration.laid({}) == defaults
    found = configuration.laid({"study": {"seeds": [1]}, "methods": {"rrr": {"options": {}}}, "model": None})
    assert found["study"] == defaults["study"] | {"seeds": [1]}
    assert found["methods"] == {"rrr": {"options": {}}}
    assert found["model"] is None
    assert found["tasks"] == defaults["tasks"]


def test_the_users_configuration_stays_as_it_is():
    users = {"study": {"seeds": [1]}}
    configuration.laid(users)
    assert users == {"study": {"seeds": [1]}}
