"""Still pictures of figures: where things lie, and that nothing is left out."""

from __future__ import annotations

import base64
import json
import re
import struct
import zlib
from xml.etree import ElementTree

import numpy as np
import plotly.graph_objects as go
import plotly.io
import pytest

from bnn_lab.errors import InputError
from bnn_lab.figures import Drawing, theme
from bnn_lab.figures.still import still

SVG = "{http://www.w3.org/2000/svg}"
PLAIN = {"template": "none", "margin": {"l": 100, "r": 100, "t": 50, "b": 50}, "height": 300}


def draw(*traces: go.Bar, **layout: object) -> ElementTree.Element:
    return ElementTree.fromstring(still(go.Figure(traces, {**PLAIN, **layout})))


def rects(root: ElementTree.Element) -> list[tuple[float, ...]]:
    names = ("x", "y", "width", "height")
    return [tuple(float(r.attrib[name]) for name in names) for r in root.iter(f"{SVG}rect")]


def texts(root: ElementTree.Element) -> dict[str, tuple[float, float]]:
    return {
        "".join(text.itertext()): (float(text.attrib["x"]), float(text.attrib["y"]))
        for text in root.iter(f"{SVG}text")
    }


def points(root: ElementTree.Element, colour: str) -> list[tuple[float, float]]:
    (path,) = (p for p in root.iter(f"{SVG}path") if p.attrib.get("stroke") == colour)
    return [
        (float(x), float(y)) for x, y in re.findall(r"[ML](\S+) (\S+?)(?=[ML]|$)", path.attrib["d"])
    ]


def test_bars_are_as_long_as_their_values() -> None:
    flat = draw(go.Bar(x=[1, 2, 4], y=["a", "b", "c"], orientation="h"), xaxis={"range": [0, 7]})
    assert [(x, round(w)) for x, _, w, _ in rects(flat)] == [(100, 100), (100, 200), (100, 400)]
    upright = draw(go.Bar(x=["a", "b"], y=[1, -1]), yaxis={"range": [-2, 2]})
    assert [(round(y), round(h)) for _, y, _, h in rects(upright)] == [(100, 50), (150, 50)]


def test_groups_and_stacks() -> None:
    pair = [go.Bar(x=["a"], y=[2], name="one"), go.Bar(x=["a"], y=[4], name="two")]
    one, two = rects(draw(*pair, yaxis={"range": [0, 8]}))
    assert one[0] + one[2] == pytest.approx(two[0], abs=0.2) and two[3] == pytest.approx(100)
    one, two = rects(draw(*pair, barmode="stack", yaxis={"range": [0, 8]}))
    assert one[0] == two[0] and two[1] + two[3] == pytest.approx(one[1])


@pytest.mark.parametrize("reverse", [False, True])
def test_the_first_bar_of_a_group_is_where_the_axis_begins(reverse: bool) -> None:
    pair = [go.Bar(y=["a"], x=[1], orientation="h"), go.Bar(y=["a"], x=[1], orientation="h")]
    axis = {"autorange": "reversed"} if reverse else {}
    one, two = rects(draw(*pair, yaxis=axis))
    assert (one[1] < two[1]) is reverse


def test_axes_count_in_numbers_logarithms_and_categories() -> None:
    line = {"mode": "lines", "line": {"color": "red"}}
    x = points(draw(go.Scatter(x=[0, 5, 10], y=[0, 1, 0], **line)), "red")
    assert [px for px, _ in x] == [100, 450, 800]
    x = points(draw(go.Scatter(x=[1, 10, 100], y=[1, 2, 3], **line), xaxis={"type": "log"}), "red")
    assert [px for px, _ in x] == [100, 450, 800]
    # One way of writing on an axis: all plain, or all as powers.
    for high, wanted in ((1e4, {"1", "100", "10,000"}), (1e6, {"1", "10", "102", "104", "106"})):
        figure = draw(go.Scatter(x=[1, 10, high], y=[1, 2, 3], **line), xaxis={"type": "log"})
        labels = set(texts(figure))
        assert wanted <= labels
        assert not labels & ({"105", "106"} if high == 1e4 else {"100", "10,000"})
    places = texts(draw(go.Scatter(x=["bop", "adam"], y=[1, 2], mode="markers")))
    assert places["bop"][0] == 275 and places["adam"][0] == 625


def test_a_gap_stays_a_gap_and_packed_numbers_are_read() -> None:
    y = np.array([1.0, np.nan, 3.0, 4.0])
    figure = go.Figure(go.Scatter(y=y, mode="lines", line={"color": "red"}), PLAIN)
    packed = plotly.io.from_json(figure.to_json())
    assert "bdata" in figure.to_json()
    for one in (figure, packed):
        root = ElementTree.fromstring(still(one))
        (path,) = (p for p in root.iter(f"{SVG}path") if p.attrib.get("stroke") == "red")
        assert path.attrib["d"].count("M") == 2 and path.attrib["d"].count("L") == 1


def test_a_heat_map_has_a_cell_for_each_number() -> None:
    z = [[30, 70], [70, np.nan]]
    root = draw(go.Heatmap(z=z, texttemplate="%{z:.1f}", colorscale="Greys"))
    cells = [
        p for p in root.iter(f"{SVG}path") if "M0 0h1" in p.attrib["d"] or "M1 0h1" in p.attrib["d"]
    ]
    assert sum(p.attrib["d"].count("h1v1") for p in cells) == 3
    assert {"30.0", "70.0"} <= set(texts(root))


def test_words_of_all_kinds_are_there() -> None:
    root = draw(
        go.Scatter(x=[1], y=[1], mode="markers+text", text=["here"], name="known"),
        go.Table(header={"values": ["case"]}, cells={"values": [["<b>one</b> & two"]]}),
        showlegend=True,
        title="A title",
        annotations=[
            {
                "text": "π<sub>t</sub> is<br>small",
                "x": 0.5,
                "y": 0.5,
                "xref": "paper",
                "yref": "paper",
            }
        ],
        xaxis={"title": {"text": "steps"}},
    )
    found = set(texts(root))
    assert {"here", "known", "case", "one & two", "A title", "πt is", "small", "steps"} <= found


def test_its_name_is_what_the_figure_says() -> None:
    drawing = Drawing(go.Figure(go.Bar(y=[1]), theme.layout("a bar")), 'One bar, it\'s "1" < 2.')
    picture = drawing.bundle()["image/svg+xml"]
    root = ElementTree.fromstring(picture)
    assert root.attrib["aria-label"] == drawing.words
    assert '"' not in picture  # which a notebook, being JSON, would escape
    assert json.dumps(picture, ensure_ascii=False).count("\\") == 0


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(InputError, match="type pie has no still picture"):
        still(go.Figure(go.Pie(values=[1])))


def test_without_data_there_is_a_picture_too() -> None:
    assert still(go.Figure()).startswith("<svg")


def test_a_heat_map_of_many_cells_is_one_small_picture() -> None:
    z = np.arange(400).reshape(20, 20) % 7
    figure = go.Figure(go.Heatmap(z=z, colorscale="gray", showscale=False))
    svg = still(figure)
    (data,) = re.findall(r"data:image/png;base64,([^']+)", svg)
    png = base64.b64decode(data)
    assert png.startswith(b"\x89PNG") and struct.unpack(">II", png[16:24]) == (20, 20)
    start = png.index(b"IDAT")
    (length,) = struct.unpack(">I", png[start - 4 : start])
    rows = zlib.decompress(png[start + 4 :][:length])
    kinds = np.frombuffer(rows, np.uint8).reshape(20, 21)[::-1, 1:]  # plotly's row 0 is below
    assert len(np.unique(kinds)) == 7
    for kind in range(7):  # the same cells share a colour
        assert len(np.unique(kinds[z == kind])) == 1
    assert "<image" not in still(go.Figure(go.Heatmap(z=z[:5, :5], colorscale="gray")))
    gaps = np.where(z == 3, np.nan, z)
    assert "<image" not in still(go.Figure(go.Heatmap(z=gaps, colorscale="gray")))
