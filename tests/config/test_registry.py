import sys
import types

import pytest

from invprob.config.registry import discover, registry
from invprob.errors import AmbiguousComponent, BrokenPlugin, UnknownComponent
from invprob.plugin import Component, hookimpl


def manifest(name, *components, error=None):
    module = types.ModuleType(name)

    @hookimpl
    def invprob_components():
        if error:
            raise error
        return list(components)

    module.invprob_components = invprob_components
    sys.modules[name] = module
    return (name, name, "")


def component(name="one", **changes):
    fields = {
        "kind": "noise",
        "name": name,
        "target": "nowhere:Nothing",
        "params": "nowhere:Nothing",
        "summary": "Nothing.",
    }
    return Component(**{**fields, **changes})


def test_a_plugin_that_fails_spares_the_others():
    found = discover(
        [
            manifest("good", component()),
            ("missing", "no_such_module_at_all", ""),
            manifest("raises", error=RuntimeError("no")),
            manifest("old", component("two", api=0)),
            manifest("odd", component("three", kind="sorcery")),
        ]
    )
    assert [e.component.name for e in found.entries] == ["one"]
    assert set(found.broken) == {"missing", "raises", "old", "odd"}
    assert "interface 0" in found.broken["old"]


def test_two_entry_points_of_one_manifest_are_said_in_a_sentence():
    _, module, _ = first = manifest("first", component())
    found = discover([first, ("second", module, "")])
    assert [e.plugin for e in found.entries] == ["first"]
    said = "ValueError: its manifest first is that of plugin 'first' already"
    assert found.broken == {"second": said}


def test_two_plugins_may_offer_one_name():
    found = discover([manifest("first", component()), manifest("second", component())])
    with pytest.raises(AmbiguousComponent) as caught:
        found.find("noise", "one")
    assert "first.one or second.one" in caught.value.hint
    assert found.find("noise", "second.one").plugin == "second"


def test_an_unknown_name_gets_the_nearest():
    found = discover([manifest("good", component("gaussian"))])
    with pytest.raises(UnknownComponent) as caught:
        found.find("noise", "gausian")
    assert "gaussian" in caught.value.hint


def test_a_target_that_cannot_be_imported_is_named():
    found = discover([manifest("good", component())])
    with pytest.raises(BrokenPlugin, match="nowhere"):
        found.find("noise", "one").load()


def test_every_component_installed_resolves_and_is_described():
    assert not registry().broken
    for entry in registry().entries:
        model = entry.params()
        assert callable(entry.load())
        assert entry.component.summary.endswith(".")
        assert model.__doc__
        for name, field in model.model_fields.items():
            assert field.description, f"{entry.full_name}.{name}"
        for example in (model.model_config.get("json_schema_extra") or {}).get("examples", []):
            model.model_validate(example)


def test_a_former_name_finds_the_component_with_a_notice():
    found = discover([manifest("good", component("new", aliases=("old",)))])
    for name in ("old", "good.old"):
        with pytest.warns(FutureWarning, match=rf"refuses the old name {name} \(now new\)"):
            assert found.name(found.find("noise", name)) == "new"


def test_a_name_of_today_goes_before_a_former_one():
    found = discover(
        [manifest("good", component("new", aliases=("old",))), manifest("other", component("old"))]
    )
    assert found.find("noise", "old").plugin == "other"
