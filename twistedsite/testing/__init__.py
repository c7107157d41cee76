"""For people who test their own sites: a folder served by the real server, on a real socket, inside a test.

Needs what `pip install twistedsite[test]` brings. A test by pytest-twisted:

    @pytest_twisted.ensureDeferred
    async def test_the_portal_greets() -> None:
        async with serving("site", debug=True) as site:
            answer = await site.get("/hello.py?name=Ann")
            assert answer.status == 200
            assert "Hello Ann" in answer.text
"""

from twistedsite.testing.connection import RawConnection
from twistedsite.testing.origins import MemoryOrigin
from twistedsite.testing.site import Response, ServedSite, serving

__all__ = ["MemoryOrigin", "RawConnection", "Response", "ServedSite", "serving"]
