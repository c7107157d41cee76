"""Makes `twistd scriptsite` and `twist scriptsite` known; nothing else may stand here."""

from twisted.application.service import ServiceMaker

scriptsite = ServiceMaker(
    "scriptsite",
    "twistedsite.tap.maker",
    "Serve a folder as a web site: pages, scripts, templates and listings.",
    "scriptsite",
)
