"""Pictures that cannot be anything else."""

import base64
import io

from PIL import Image

KINDS = {"image/png": "PNG", "image/jpeg": "JPEG"}
MOST_BYTES = 5_000_000
MOST_PIXELS = 25_000_000


def first_of(kinds: object) -> str | None:
    """The picture among an output's kinds of data, as a tag that carries it."""
    for kind, name in KINDS.items():
        content = kinds.get(kind) if isinstance(kinds, dict) else None
        if isinstance(content, list):
            content = "".join(map(str, content))
        if isinstance(content, str) and (raw := _checked(content, name)):
            text = base64.b64encode(raw).decode("ascii")
            return f'<img src="data:{kind};base64,{text}" alt="">'
    return None


def _checked(content: str, name: str) -> bytes | None:
    """The bytes of a picture, if they are one of this format and of a reasonable size."""
    if len(content) > MOST_BYTES * 4 // 3:
        return None
    try:
        raw = base64.b64decode(content)
        with Image.open(io.BytesIO(raw), formats=[name]) as image:
            fits = image.width * image.height <= MOST_PIXELS
            image.verify()
    except Exception:  # Pillow raises many kinds over what is no picture
        return None
    return raw if fits else None
