"""The first page of a report on several networks: their key figures, and links to the rest."""

from collections.abc import Sequence
from html import escape

from hwsim.report.document import Document
from hwsim.report.page_parts import STYLE, key_figures
from hwsim.report.terminal import heading, run_lines


def index_text(documents: Sequence[Document]) -> str:
    """The page for these networks, whose files lie in its own folder."""
    sections = "\n".join(map(_section, documents))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>hwsim report</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<header><h1>hwsim report</h1>
<p>What these networks cost on one accelerator, with every stored value compared with the integer
reference.</p></header>
{sections}
<footer>hwsim {escape(documents[0].hwsim_version)}. Energy is assumed, not calibrated; gates come
from a model fitted to synthesis.</footer>
</main>
</body>
</html>
"""


def _section(document: Document) -> str:
    name = document.network.name
    lines = [" ".join(run_lines(document.run))] if document.run else []
    if document.comparison:
        saving = document.comparison
        lines.append(
            f"Virtual feature maps save {saving.feature_saving_ratio:.1%} of feature bytes and "
            f"{saving.total_saving_ratio:.1%} of all bytes, (B - C) / B; {saving.paper} states "
            f"{saving.paper_saving_ratio:.1%}. C moves {saving.condensed_weight_ratio:.2f} times "
            "A's weight bytes."
        )
    files = {
        "charts and tables": f"{name}.html",
        "JSON": f"{name}.json",
        "CSV": f"{name}.csv",
        "trace for ui.perfetto.dev": f"{name}.trace.json",
    }
    links = " · ".join(
        f'<a href="{escape(file)}">{escape(text)}</a>' for text, file in files.items()
    )
    notes = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return (
        f"<section><h2>{escape(name)}</h2><p>{escape(heading(document))}</p>{notes}"
        f"{key_figures(document)}<p>{links}</p></section>"
    )
