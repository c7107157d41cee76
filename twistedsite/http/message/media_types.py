"""What a file's name says about its content: the Content-Type of static files.

The table does not depend on the machine: the standard library's own types, without `/etc/mime.types`, under ours.
"""

from __future__ import annotations

import mimetypes
from typing import Final

OCTETS: Final = "application/octet-stream"

_PLAIN: Final = (
    "bash bat c cc cfg cmd conf cpp csh cxx dbpy diff el go h hh hpp ini j2 java jinja jl ksh lisp log lua m4 mk "
    "patch php pl pm ps1 py pyi pyw r rb rs rst scala scm sh sql swift tcl tex text tpl tsx txt vbs zsh"
)
_OURS: Final = {
    **dict.fromkeys(_PLAIN.split(), "text/plain"),
    "7z": "application/x-7z-compressed",
    "apng": "image/apng",
    "atom": "application/atom+xml",
    "avif": "image/avif",
    "br": "application/x-brotli",
    "bz2": "application/x-bzip2",
    "css": "text/css",
    "csv": "text/csv",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "eot": "application/vnd.ms-fontobject",
    "epub": "application/epub+zip",
    "flac": "audio/flac",
    "geojson": "application/geo+json",
    "gz": "application/gzip",
    "htm": "text/html",
    "html": "text/html",
    "ico": "image/vnd.microsoft.icon",
    "ics": "text/calendar",
    "js": "text/javascript",
    "json": "application/json",
    "jsonld": "application/ld+json",
    "m4a": "audio/mp4",
    "map": "application/json",
    "md": "text/markdown",
    "mjs": "text/javascript",
    "mkv": "video/x-matroska",
    "mp4": "video/mp4",
    "ndjson": "application/x-ndjson",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "ogv": "video/ogg",
    "opus": "audio/ogg",
    "otf": "font/otf",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "rar": "application/vnd.rar",
    "rss": "application/rss+xml",
    "rtf": "application/rtf",
    "svg": "image/svg+xml",
    "tgz": "application/gzip",
    "ts": "video/mp2t",
    "toml": "application/toml",
    "ttf": "font/ttf",
    "vtt": "text/vtt",
    "wasm": "application/wasm",
    "weba": "audio/webm",
    "webm": "video/webm",
    "webmanifest": "application/manifest+json",
    "webp": "image/webp",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "xhtml": "application/xhtml+xml",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "application/xml",
    "xsl": "application/xslt+xml",
    "xz": "application/x-xz",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "zip": "application/zip",
    "zst": "application/zstd",
}
_PLAIN_NAMES: Final = frozenset(
    {"authors", "changelog", "contributing", "copying", "dockerfile", "licence", "license", "makefile", "readme"}
)
_COMPRESSIBLE: Final = frozenset(
    {
        "application/json",
        "application/rtf",
        "application/toml",
        "application/vnd.apple.mpegurl",
        "application/vnd.ms-fontobject",
        "application/wasm",
        "application/x-ndjson",
        "application/xml",
        "application/yaml",
        "font/otf",
        "font/ttf",
        "image/bmp",
        "image/vnd.microsoft.icon",
    }
)


def _by_extension() -> dict[str, str]:
    # An instance of its own starts from the standard library's defaults, whatever files `mimetypes.init` has read.
    standard = {ending[1:]: kind for ending, kind in mimetypes.MimeTypes().types_map[True].items()}
    plain = {ending: "text/plain" for ending, kind in standard.items() if kind.startswith("text/x-")}
    return {**standard, **plain, **_OURS}


_BY_EXTENSION: Final = _by_extension()


def media_type_of(name: str) -> str:
    """Return the media type of a file called `name`, without parameters; `application/octet-stream` if unknown."""
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem:
        return "text/plain" if name.lower() in _PLAIN_NAMES else OCTETS
    return _BY_EXTENSION.get(extension.lower(), OCTETS)


def content_type(media_type: str) -> bytes:
    """Return the Content-Type field of `media_type`: texts are UTF-8 where nothing else is said.

    XML and JSON tell their own encoding, so they get no charset (RFC 7303, 3.6; RFC 8259, 11).
    """
    if media_type.startswith("text/") and ";" not in media_type:
        media_type += "; charset=utf-8"
    return media_type.encode("latin-1", "replace")


def is_compressible(media_type: str) -> bool:
    """Whether content of `media_type` (parameters are ignored) gets much smaller by a content coding."""
    kind = media_type.partition(";")[0].strip().lower()
    return kind.startswith("text/") or kind.endswith(("+json", "+xml")) or kind in _COMPRESSIBLE
