"""Bytes to requests and back: channel, request, limits and timers, access log. It knows resources only as IResource."""
