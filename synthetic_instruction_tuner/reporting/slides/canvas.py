"""Drawing on slides: titles, text, tables and native charts at fixed places, nothing overflows."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from synthetic_instruction_tuner.reporting.charts.chart import Chart
from synthetic_instruction_tuner.reporting.charts.native import add_chart
from synthetic_instruction_tuner.reporting.slides import zips
from synthetic_instruction_tuner.reporting.slides.layout import (
    CELL_MARGIN,
    INCH,
    INDENT,
    SMALLEST,
    Box,
    Entry,
    fit_table,
    fit_text,
    small_size,
)

if TYPE_CHECKING:
    from pptx.slide import Slide

WIDE, HIGH = 13.333, 7.5
"""Inches of a 16:9 slide."""
INK, SOFT, LINE, ACCENT, PAPER = "1B2430", "5B6675", "D9DCE1", "0B5F94", "FFFFFF"
STATES = {
    "better": ("0A6B4B", "E4F3EC"),
    "worse": ("A3321A", "FBE9E4"),
    "equivalent": ("355C7D", "E8F0F6"),
    "identical": ("355C7D", "E8F0F6"),
    "pass": ("0A6B4B", "E4F3EC"),
    "fail": ("A3321A", "FBE9E4"),
}
"""Text and fill of cells by verdict."""
FONT = "Calibri"


BODY = Box(0.7, 1.55, 11.95, 5.2)
"""Where the content of a slide stands."""


class Deck:
    """A presentation under construction.

    Args:
        footer: Text at the foot of every slide.
    """

    def __init__(self, footer: str) -> None:
        from pptx import Presentation

        self.file = Presentation()
        self.file.slide_width, self.file.slide_height = round(WIDE * INCH), round(HIGH * INCH)
        self.footer = footer
        self.slide: Slide = None

    def add(self, title: str, section: str, notes: str) -> None:
        """Start a slide with its title, the section it belongs to, and speaker notes."""
        self.slide = self.file.slides.add_slide(self.file.slide_layouts[5])
        self._place_title(title)
        self.text(Box(0.7, 0.42, 9, 0.4), [section.upper()], (14,), ACCENT)
        self._line(Box(0.8, 1.42, 11.75, 0.0))
        self.text(Box(0.7, 6.95, 9, 0.38), [self.footer], (14,), SOFT)
        number = str(len(self.file.slides))
        self.text(Box(11.65, 6.95, 1.0, 0.38), [number], (14,), SOFT, right=True)
        self.slide.notes_slide.notes_text_frame.text = notes

    def _place_title(self, title: str) -> None:
        box, shape = Box(0.7, 0.72, 11.95, 0.68), self.slide.shapes.title
        shape.left, shape.top, shape.width, shape.height = box.emu
        self._write(shape.text_frame, box, [title], (28, 26, 24, 22, 20, 18), INK, bold=True)

    def text(
        self,
        box: Box,
        paragraphs: Sequence[str],
        sizes: Sequence[int] = (20, 18, 17, 16, 15, 14),
        colour: str = INK,
        **style: Any,
    ) -> None:
        """Write paragraphs in the largest of the sizes that fits."""
        shape = self.slide.shapes.add_textbox(*box.emu)
        self._write(shape.text_frame, box, paragraphs, sizes, colour, **style)

    def _write(
        self,
        frame: Any,
        box: Box,
        paragraphs: Sequence[str],
        sizes: Sequence[int],
        colour: str,
        *,
        bold: bool = False,
        bullets: bool = False,
        right: bool = False,
        gap: float = 0.5,
    ) -> None:
        from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
        from pptx.util import Pt

        width, height = box.points
        room = (width - INDENT * 72 if bullets else width, height)
        shown, size = fit_text(paragraphs, sizes, room, gap, bold)
        frame.word_wrap, frame.vertical_anchor = True, MSO_ANCHOR.TOP
        for number, text in enumerate(shown):
            paragraph = frame.paragraphs[0] if number == 0 else frame.add_paragraph()
            paragraph.alignment = PP_ALIGN.RIGHT if right else PP_ALIGN.LEFT
            if bullets:
                _bullet(paragraph)
            paragraph.space_after = Pt(size * gap if number < len(shown) - 1 else 0)
            add_run(paragraph, text, size, colour, bold)

    def _line(self, box: Box) -> None:
        from pptx.oxml.ns import qn
        from pptx.util import Pt

        left, top, width, _ = box.emu
        line = self.slide.shapes.add_connector(1, left, top, left + width, top)
        line.line.color.rgb, line.line.width = rgb(LINE), Pt(1)
        style = line._element.find(qn("p:style"))  # the theme would add a shadow
        line._element.remove(style)

    def table(
        self,
        header: Sequence[str],
        rows: Sequence[Sequence[Entry]],
        widths: Sequence[float],
        box: Box = BODY,
        left: frozenset[int] = frozenset({0}),
    ) -> None:
        """Write a table; the font is as large as the box allows.

        Args:
            header: Column titles.
            rows: Cells.
            widths: Shares of the width.
            box: Where it stands.
            left: Columns of text, set left.
        """
        inches = [box.width * one / sum(widths) for one in widths]
        rows, size, heights = fit_table(header, rows, inches, box.height)
        shape = self.slide.shapes.add_table(
            len(rows) + 1, len(header), *Box(box.left + 0.05, *box[1:3], sum(heights)).emu
        )
        table = shape.table
        _plain_style(shape)
        for index, width in enumerate(inches):
            table.columns[index].width = round(width * INCH)
        for index, height in enumerate(heights):
            table.rows[index].height = round(height * INCH)
        for index, title in enumerate(header):
            _fill(
                table.cell(0, index),
                Entry(title),
                max(SMALLEST, size - 1),
                index in left,
                SOFT,
                True,
            )
        for number, row in enumerate(rows, start=1):
            for index, entry in enumerate(row):
                _fill(table.cell(number, index), entry, size, index in left, INK, index == 0)

    def chart(self, chart: Chart, models: list[str], box: Box = BODY) -> None:
        """Draw a chart that can be edited in the presentation program."""
        add_chart(self.slide, chart, models, box.emu)

    def save(self) -> bytes:
        """Return the file, the same bytes on every run."""
        import datetime

        properties = self.file.core_properties
        properties.author = properties.last_modified_by = ""
        properties.created = properties.modified = datetime.datetime(1980, 1, 1)
        content = io.BytesIO()
        self.file.save(content)
        return zips.without_clock(content.getvalue())


def _bullet(paragraph: Any) -> None:
    """Hang a bullet before the paragraph, its lines set in under each other."""
    from pptx.oxml.ns import qn

    properties = paragraph._p.get_or_add_pPr()
    width = round(INDENT * INCH)
    properties.set("marL", str(width))
    properties.set("indent", str(-width))
    properties.append(properties.makeelement(qn("a:buChar"), {"char": "•"}))


def _fill(cell: Any, entry: Entry, size: int, left: bool, colour: str, bold: bool) -> None:
    from pptx.enum.text import PP_ALIGN

    ink, paper = STATES.get(entry.state, (colour, None))
    cell.margin_left = cell.margin_right = round(CELL_MARGIN * INCH)
    cell.margin_top = cell.margin_bottom = round(0.04 * INCH)
    if paper:
        cell.fill.solid()
        cell.fill.fore_color.rgb = rgb(paper)
    else:
        cell.fill.background()
    frame = cell.text_frame
    frame.word_wrap = True
    paragraph = frame.paragraphs[0]
    paragraph.alignment = PP_ALIGN.LEFT if left else PP_ALIGN.RIGHT
    add_run(paragraph, entry.text, size, ink, bold)
    if entry.small:
        second = frame.add_paragraph()
        second.alignment = paragraph.alignment
        add_run(second, entry.small, small_size(size), SOFT, False)


def _plain_style(shape: Any) -> None:
    """Take the theme's banding away and choose the style with thin lines only."""
    properties = shape._element.graphic.graphicData.tbl.tblPr
    for name in ("bandRow", "firstRow"):
        properties.set(name, "0")
    properties.find(
        "{http://schemas.openxmlformats.org/drawingml/2006/main}tableStyleId"
    ).text = "{9D7B26C5-4107-4FEC-AEDC-1716B250A1EF}"  # Light Style 1


def add_run(paragraph: Any, text: str, size: int, colour: str, bold: bool) -> None:
    """Append text to a paragraph; line breaks stay line breaks."""
    from pptx.util import Pt

    for number, line in enumerate(text.split("\n")):
        if number:
            paragraph.add_line_break()
        run = paragraph.add_run()
        run.text = printable(line)
        run.font.size, run.font.bold, run.font.name = Pt(size), bold, FONT
        run.font.color.rgb = rgb(colour)


NOT_XML = re.compile("[^\\t\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


def printable(text: str) -> str:
    """Replace control characters and others that XML cannot hold; models write such things."""
    return NOT_XML.sub("\ufffd", text)


def rgb(colour: str) -> Any:
    """Return a colour of python-pptx."""
    from pptx.dml.color import RGBColor

    return RGBColor.from_string(colour)
