"""What the operator set: the names of all variables of the inventory and the command line, and where each comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
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
  settings:
    description: Names of the settings whose values to return.
    type: list
    elements: str
    required: true
"""

RETURN = """
names:
  description: Where each variable was set, by its name.
  type: dict
  returned: always
values:
  description: The value of each setting that has one, by its name.
  type: dict
  returned: always
undefined:
  description: Why a setting's value cannot be worked out, by its name.
  type: dict
  returned: always
"""


class ActionModule(ActionBase):  # type: ignore[misc]
    """Ansible's entry point."""

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"settings"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Collect the names, and work out the settings."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        values, undefined = {}, {}
        for name in self._task.args["settings"]:
            if name in task_vars:
                try:
                    values[name] = self._templar.template(task_vars[name])
                except AnsibleError as error:
                    undefined[name] = str(error).splitlines()[0]
        result.update(changed=False, names=self._names(task_vars), values=values, undefined=undefined)
        return result

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
