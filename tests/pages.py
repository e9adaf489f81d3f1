"""What a page holds: its tags, its attributes, and the text of its style sheets."""

from html.parser import HTMLParser

PROGRAMS = {"script", "iframe", "object", "embed", "svg", "link", "form", "base", "frame", "applet", "video", "audio"}


class Seen(HTMLParser):
    """All tags and attributes of a page, and what stands in its style sheets."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.attributes, self.styles = set(), [], ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        """Note a tag."""
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        """Note what stands in a style sheet."""
        self.styles += data if self.lasttag == "style" else ""

    def programs(self) -> list[str]:
        """What could run, or fetch something."""
        found = sorted(self.tags & PROGRAMS)
        for tag, name, value in self.attributes:
            outside = name in ("src", "href", "srcset") and not value.startswith(
                ("#", "data:image/", "https:", "http:")
            )
            loads = name in ("src", "srcset") and not value.startswith("data:image/")
            if name.startswith("on") or name == "srcdoc" or outside or loads:
                found.append(f"{tag} {name}={value[:60]}")
        return found
