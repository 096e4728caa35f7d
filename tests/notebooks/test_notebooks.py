"""What can be told of the tutorials without running them; tests/browser runs them for real."""

import ast
import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def code_cells(path: Path) -> list[dict]:
    """Return the code cells of a notebook."""
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
class TestNotebook:
    """Rules that every notebook in git keeps."""

    def test_holds_no_output(self, path):
        for cell in code_cells(path):
            assert cell["outputs"] == []
            assert cell["execution_count"] is None

    def test_every_cell_is_python(self, path):
        for cell in code_cells(path):
            ast.parse("".join(cell["source"]))

    def test_names_no_address_of_one_place(self, path):
        text = path.read_text()
        for name in ("svc.cluster.local", "endpoint_url", "127.0.0.1", "localhost", "z2jh.test"):
            assert name not in text

    def test_ends_with_a_checked_result(self, path):
        last = "".join(code_cells(path)[-1]["source"])
        assert "assert " in last
        assert "RESULT: OK" in last

    def test_closes_its_cluster(self, path):
        source = "\n".join("".join(cell["source"]) for cell in code_cells(path))
        assert source.count("GatewayCluster()") == source.count(".close()")


def test_there_are_notebooks():
    assert NOTEBOOKS
    assert (FOLDER / "00-welcome.md").exists()
