from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from nbconvert import HTMLExporter

ROOT = Path(__file__).parents[1]
LARGEST_NOTEBOOK = 300_000  # bytes


def load_sync():
    spec = importlib.util.spec_from_file_location("notebooks_sync", ROOT / "notebooks" / "sync.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sync = load_sync()
LESSONS = [pytest.param(path, id=path.stem) for path in sync.sources()]


def test_there_are_lessons_and_no_stray_notebooks() -> None:
    names = {path.stem for path in sync.sources()}
    assert "04_from_training_to_deployment" in names
    assert {path.stem for path in sync.LESSONS.glob("*.ipynb")} == names


@pytest.mark.parametrize("source", LESSONS)
def test_notebook_is_in_sync_with_its_source(source: Path) -> None:
    assert sync.differences(source) == []


@pytest.mark.parametrize("source", LESSONS)
def test_notebook_is_small_and_plain(source: Path) -> None:
    target = source.with_suffix(".ipynb")
    assert target.stat().st_size <= LARGEST_NOTEBOOK
    notebook = nbformat.read(target, 4)
    nbformat.validate(notebook)
    assert "widgets" not in notebook.metadata
    assert notebook.metadata.kernelspec.name == "python3"
    text = target.read_text()
    assert "application/vnd.jupyter.widget" not in text
    assert str(ROOT) not in text and "/home/" not in text


@pytest.mark.parametrize("source", LESSONS)
def test_every_code_cell_has_run_without_stderr_or_errors(source: Path) -> None:
    cells = [c for c in nbformat.read(source.with_suffix(".ipynb"), 4).cells]
    code = [cell for cell in cells if cell.cell_type == "code" and cell.id != "setup"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    for cell in code:
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            assert output.get("name") != "stderr", output.text


@pytest.mark.parametrize("source", LESSONS)
def test_a_page_without_scripts_shows_each_figure(source: Path) -> None:
    """What nbconvert, viewers on the web and print show: as many pictures as there are figures."""
    notebook = nbformat.read(source.with_suffix(".ipynb"), 4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    drawn = [o for o in outputs if any("+json" in kind for kind in o.get("data", ()))]
    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert page.count('data-mime-type="image/svg+xml"') == len(drawn) > 0
    for output in drawn:
        picture = ElementTree.fromstring(output["data"]["image/svg+xml"])
        assert picture.attrib["aria-label"] and len(list(picture)) > 1


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny lesson of its own, in sync."""
    source = tmp_path / "01_tiny.py"
    source.write_text("# %% [markdown]\n# # Tiny\n\n# %%\nprint(1 + 1)\n\n# %%\nx = 2\n")
    monkeypatch.setattr(sync, "LESSONS", tmp_path)
    assert sync.main([]) == 0
    return source


def change(notebook: Path, edit) -> None:
    content = json.loads(notebook.read_text())
    edit(content)
    notebook.write_text(json.dumps(content))


def test_check_passes_on_a_fresh_notebook_and_writes_nothing(copy: Path) -> None:
    before = copy.with_suffix(".ipynb").read_bytes()
    assert sync.main(["--check"]) == 0
    assert copy.with_suffix(".ipynb").read_bytes() == before


def test_execute_stores_outputs_and_plain_sync_keeps_them(copy: Path) -> None:
    assert sync.main(["--execute"]) == 0
    assert sync.main(["--check"]) == 0
    copy.write_text(copy.read_text().replace("x = 2", "x = 3"))
    assert sync.main([]) == 0
    cells = nbformat.read(copy.with_suffix(".ipynb"), 4).cells
    assert cells[2].outputs[0].text == "2\n"
    assert cells[3].source == "x = 3"


def test_cells_and_sections_may_be_folded(copy: Path) -> None:
    text = copy.read_text().replace("# %%\nx", '# %% tags=["hide-input"]\nx')
    copy.write_text(text + '\n# %% [markdown] tags=["folded-section"]\n# ## More\n')
    assert sync.main([]) == 0 and sync.main(["--check"]) == 0
    cells = nbformat.read(copy.with_suffix(".ipynb"), 4).cells
    hidden = {"jupyter": {"source_hidden": True}}
    assert cells[1].id == "setup" and cells[1].metadata["jupyter"] == hidden["jupyter"]
    assert cells[-2].metadata == {"tags": ["hide-input"]} | hidden
    assert cells[-1].metadata == {"tags": ["folded-section"], "jp-MarkdownHeadingCollapsed": True}


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (lambda nb: nb["cells"][2].update(source="print(2)"), "cell 2: its text differs"),
        (lambda nb: nb["cells"].pop(), "has 3 cells, not 4"),
        (lambda nb: nb["cells"][2]["metadata"].update(tags=["x"]), "cell 2: its tags differ"),
        (lambda nb: nb["metadata"].update(widgets={}), "its metadata differ"),
        (lambda nb: nb["metadata"]["kernelspec"].update(name="mine"), "its metadata differ"),
        (
            lambda nb: nb["cells"][2]["outputs"].append(
                {"output_type": "display_data", "metadata": {}, "data": {"text/html": "<b>"}}
            ),
            "cell 2: its outputs hold",
        ),
    ],
)
def test_check_finds_what_is_out_of_date(
    copy: Path, capsys: pytest.CaptureFixture[str], edit, complaint: str
) -> None:
    change(copy.with_suffix(".ipynb"), edit)
    assert sync.main(["--check"]) == 1
    assert complaint in capsys.readouterr().out


def test_only_looks_at_and_writes_the_named_lesson(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = copy.with_name("02_other.py")
    other.write_text("# %% [markdown]\n# # Other\n")
    assert sync.main(["--check", "--only", "01"]) == 0
    assert sync.main(["--check", "--only", "02_other"]) == 1
    assert sync.main(["--check"]) == 1
    assert sync.main(["--only", "notebooks/lessons/02_other.py"]) == 0
    assert sync.main(["--check", "--only", "01_tiny", "--only", "02"]) == 0
    copy.write_text("# %% [markdown]\n# # Changed\n")
    assert sync.main(["--check", "--only", "02"]) == 0
    assert sync.main(["--check", "--only", "01"]) == 1


@pytest.mark.parametrize("name", ["0", "03", "", "nothing.py"])
def test_only_refuses_a_name_that_is_not_one_lesson(
    copy: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    copy.with_name("02_other.py").write_text("# %% [markdown]\n# # Other\n")
    with pytest.raises(SystemExit):
        sync.main(["--only", name])
    assert "01_tiny, 02_other" in capsys.readouterr().err


def test_check_finds_a_missing_notebook(copy: Path) -> None:
    copy.with_suffix(".ipynb").unlink()
    assert sync.main(["--check"]) == 1


def test_a_cell_that_raises_stops_the_run(copy: Path) -> None:
    from nbclient.exceptions import CellExecutionError

    before = copy.with_suffix(".ipynb").read_bytes()
    copy.write_text(copy.read_text() + "\n# %%\nraise RuntimeError('broken lesson')\n")
    with pytest.raises(CellExecutionError, match="broken lesson"):
        sync.main(["--execute"])
    assert copy.with_suffix(".ipynb").read_bytes() == before
