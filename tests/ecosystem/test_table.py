"""The table of ``docs/extensions.md`` says what the modules beside this one exercise."""

from __future__ import annotations

import ast
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "extensions.md"
START, END = "<!-- table -->\n", "<!-- end of table -->\n"


def rows() -> list[str]:
    """A row for each module of tests: what it installs, and the summary of what it exercises."""
    found = []
    for path in sorted(HERE.glob("test_*.py")):
        tree = ast.parse(path.read_text())
        for node in tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DISTRIBUTIONS":
                names = ", ".join(
                    f"{name} {metadata.version(name)}" for name in ast.literal_eval(node.value)
                )
                summary = (ast.get_docstring(tree) or "").split("\n\n")[0].replace("\n", " ")
                tests = sum(
                    isinstance(n, ast.FunctionDef) and n.name.startswith("test_") for n in tree.body
                )
                found.append(f"| {names} | {summary} | {tests} |\n")
    return sorted(found, key=str.lower)


def table() -> str:
    return "".join(["| distribution | exercised | tests |\n|---|---|---|\n", *rows()])


def test_the_table_in_the_docs_is_what_the_tests_exercise(pytestconfig):
    page = PAGE.read_text()
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    made = before + START + table() + END + after
    if pytestconfig.getoption("write_table"):
        PAGE.write_text(made)
    assert page == made, "Run 'make extensions-table' and look at what changed."
