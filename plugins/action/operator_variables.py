"""What the operator set: all variables of the inventory and the command line, and where each comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible.vars.plugins import get_vars_from_inventory_sources, get_vars_from_path

DOCUMENTATION = """
module: operator_variables
short_description: Names and origins of the variables that an operator set, and the values of settings
version_added: "1.0"
author: z2jh
description:
  - Reads the inventory, the group and host variables beside it and beside the playbook, and C(-e); changes nothing.
  - Ansible itself takes any name, so a misspelt setting would go unnoticed; RV(ignore:names) is what to compare.
options:
  checkout:
    description: Folder of the deployment, whose roles say which other variables they take.
    type: path
    required: true
  derived:
    description: Files of variables that the deployment itself defines, from the checkout.
    type: list
    elements: path
    default: []
  unread:
    description: Variables that are not worked out, because that alone would make something.
    type: list
    elements: str
    default: []
"""

# How a person says what a type of Ansible's is.
KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "dict": "a map",
    "list": "a list",
}

RETURN = """
names:
  description: Where each variable was set, by its name.
  type: dict
  returned: always
values:
  description: What each of them comes to, by its name; without what the deployment derives.
  type: dict
  returned: always
known:
  description: Variables other than settings that may be set - options of roles, and what the deployment derives.
  type: list
  returned: always
wrong:
  description: A sentence for each variable of a role whose value the role would refuse.
  type: list
  returned: always
misplaced:
  description: To which group or host the inventory gives a variable that this machine does not get, by its name.
  type: dict
  returned: always
undefined:
  description: Why one comes to nothing, by its name.
  type: dict
  returned: always
"""


def _wrong(role: str, options: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[str]:
    """Say which values of a role's variables it would refuse when its turn comes, by Ansible's own check."""
    for name in sorted(options.keys() & values.keys()):
        spec = {**options[name], "required": False}
        if not ArgumentSpecValidator({name: spec}).validate({name: values[name]}).error_messages:
            continue
        kind = spec.get("type", "str")
        # A map may hold secrets somewhere, such as values of a chart.
        shown = "what was given" if spec.get("no_log") or kind == "dict" else repr(values[name])
        yield f"{name} must be {KINDS.get(kind, kind)}, not {shown}: roles/{role}/README.md says what it is."


class ActionModule(ActionBase):  # type: ignore[misc]
    """Ansible's entry point."""

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"checkout", "derived", "unread"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Collect the names, and work out the settings."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        checkout = Path(self._task.args["checkout"])
        derived = self._derived(checkout, self._task.args.get("derived", []))
        names = self._names(task_vars)
        values, undefined = {}, {}
        for name in names.keys() & task_vars.keys() - derived - set(self._task.args.get("unread", [])):
            try:
                values[name] = self._templar.template(task_vars[name])
            except AnsibleError as error:
                undefined[name] = str(error).splitlines()[0]
        roles = self._role_options(checkout)
        known = sorted(derived | {name for options in roles.values() for name in options})
        wrong = [sentence for role, options in sorted(roles.items()) for sentence in _wrong(role, options, values)]
        misplaced = self._misplaced(task_vars)
        result.update(
            changed=False,
            names=names,
            known=known,
            values=values,
            undefined=undefined,
            wrong=wrong,
            misplaced=misplaced,
        )
        return result

    def _derived(self, checkout: Path, files: list[str]) -> set[str]:
        """Names of the variables in the files that the deployment ships."""
        return {name for file in files for name in self._loader.load_from_file(str(checkout / file))}

    def _role_options(self, checkout: Path) -> dict[str, dict[str, Any]]:
        """Return the variables that each role takes, and what each of them may be."""
        options: dict[str, dict[str, Any]] = {}
        for path in checkout.glob("roles/*/meta/argument_specs.yml"):
            entries = self._loader.load_from_file(str(path))["argument_specs"].values()
            options[path.parts[-3]] = {
                name: spec for entry in entries for name, spec in (entry.get("options") or {}).items()
            }
        return options

    def _misplaced(self, task_vars: dict[str, Any]) -> dict[str, str]:
        """Return the variables that the inventory gives to some machines and not to this one, and to whom."""
        inventory = task_vars["hostvars"]._inventory
        here = inventory.get_host("localhost")
        reached = {"all", "localhost", *(group.name for group in here.get_groups())} if here else {"all"}
        entities = [*inventory.groups.values(), *inventory.hosts.values()]
        return {name: entity.name for entity in entities if entity.name not in reached for name in entity.vars}

    def _names(self, task_vars: dict[str, Any]) -> dict[str, str]:
        """Every variable of the inventory, of the files beside it and of the command line."""
        hostvars = task_vars["hostvars"]
        inventory, variables = hostvars._inventory, hostvars._variable_manager
        entities = [*inventory.groups.values(), *inventory.hosts.values()]
        names: dict[str, str] = {}
        for entity in entities:
            for found in (
                get_vars_from_path(self._loader, str(Path(task_vars["playbook_dir"])), [entity], "task"),
                get_vars_from_inventory_sources(self._loader, inventory._sources, [entity], "task"),
            ):
                names.update(dict.fromkeys(found, f"group_vars or host_vars of {entity.name}"))
            names.update(dict.fromkeys(entity.vars, f"The inventory ({entity.name})"))
        names.update(dict.fromkeys(variables.extra_vars, "The command line (-e)"))
        return names
