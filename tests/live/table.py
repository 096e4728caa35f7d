"""A table of what was measured."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field


@dataclass
class Table:
    """Rows of name, value, and what the value should be."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, name: str, value: str, remark: str = "") -> None:
        """Add a row."""
        self.rows.append((name, value, remark))

    def times(self, name: str, seconds: list[float], remark: str = "") -> None:
        """Add the median and the worst of some times; with twenty or more also the 95th percentile."""
        tail = f"p95 {statistics.quantiles(seconds, n=20)[-1]:.2f}" if len(seconds) >= 20 else f"max {max(seconds):.2f}"
        self.add(name, f"p50 {statistics.median(seconds):.2f} s, {tail} s, n={len(seconds)}", remark)

    def text(self) -> str:
        """Return the table as Markdown."""
        lines = [("measured", "value", "remark"), ("---", "---", "---"), *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(3)]
        return "\n".join(self._row(line, widths) for line in lines)

    @staticmethod
    def _row(cells: tuple[str, str, str], widths: list[int]) -> str:
        padded = (cell.ljust(width, "-" if cell == "---" else " ") for cell, width in zip(cells, widths, strict=True))
        return f"| {' | '.join(padded)} |"
