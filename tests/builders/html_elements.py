"""The elements of an HTML page, for tests that look into one."""

from __future__ import annotations

from html.parser import HTMLParser


class Elements(HTMLParser):
    """Every element with its attributes and, of scripts, the text."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.texts: list[str] = []
        self.is_script = False
        self.feed(text)
        self.close()

    def handle_starttag(self, name, attributes):
        self.found.append((name, dict(attributes)))
        self.is_script = name == "script"
        if self.is_script:
            self.scripts.append((dict(attributes), ""))

    def handle_endtag(self, name):
        self.is_script = False

    def handle_data(self, data):
        if self.is_script:
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)
        self.texts.append(data)
