"""The CSV file: one row per layer, with the names of the JSON document."""

import csv
import io
from dataclasses import fields

from hwsim.escape import csv_cell
from hwsim.report.document import Document
from hwsim.report.layers import LayerFigures

FIGURES = tuple(field.name for field in fields(LayerFigures))
COLUMNS = (*FIGURES, "kernels", "fast_rescale")


def csv_text(document: Document) -> str:
    """Return the file: a header line, then a line per layer.

    The last columns have the runtime whose arithmetic a .tflite is computed with, and whether its
    factors are rounded; for other networks they are empty.
    """
    file = document.file
    arithmetic = (file.kernels, file.fast_rescale) if file else ("", "")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for layer in document.layers:
        writer.writerow((*(_cell(layer, column) for column in FIGURES), *arithmetic))
    return text.getvalue()


def _cell(layer: LayerFigures, column: str) -> object:
    """Return the value of a cell. Operators become one text, the priced one before the fused."""
    if column == "operators":
        return " + ".join(operator.name for operator in layer.operators)
    value = getattr(layer, column)
    return csv_cell(value) if isinstance(value, str) else value
