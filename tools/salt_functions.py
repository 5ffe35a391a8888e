"""A Sphinx directive that documents a module of Salt: ``.. salt-functions:: _states/postconf.py``.

autodoc would import the modules, and so need Salt, and name what Salt calls ``postconf.set`` by its
name in Python, ``set_``. This reads the file.
"""

import ast
from pathlib import Path

from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parents[1]


def functions(path):
    """Return what the module at *path* offers, in its order.

    path
        The file.

    Returns a list of ``(name as Salt has it, arguments as Python text, docstring)``.
    """
    module = ast.parse(path.read_text(encoding="utf-8"))
    constants = {
        each.targets[0].id: each.value
        for each in module.body
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name)
    }
    names = ast.literal_eval(constants.get("__func_alias__", "{}"))
    found = []
    for each in module.body:
        if isinstance(each, ast.FunctionDef) and not each.name.startswith("_"):
            # The value says more than the name of a constant.
            each.args.defaults = [
                constants.get(getattr(one, "id", None), one) for one in each.args.defaults
            ]
            name, arguments = names.get(each.name, each.name), ast.unparse(each.args)
            found.append((name, arguments, ast.get_docstring(each) or ""))
    return found


class SaltFunctions(SphinxDirective):
    """The directive: the module's docstring, then an entry for each of its public functions."""

    required_arguments = 1

    def run(self):
        """Return the nodes."""
        path = ROOT / self.arguments[0]
        self.env.note_dependency(str(path))
        module = ast.parse(path.read_text(encoding="utf-8"))
        lines = [*(ast.get_docstring(module) or "").splitlines(), ""]
        for name, arguments, docstring in functions(path):
            lines += [f".. py:function:: {path.stem}.{name}({arguments})", ""]
            lines += [f"   {line}".rstrip() for line in docstring.splitlines()] + [""]
        return self.parse_text_to_nodes(StringList(lines, source=str(path)))


def setup(app):
    """Tell Sphinx about it."""
    app.add_directive("salt-functions", SaltFunctions)
    return {"parallel_read_safe": True}
