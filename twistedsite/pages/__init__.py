"""The pages that the server itself shows: their texts, their look, and their form (HTML, JSON or text).

They are plain functions from data to text, without Twisted: the reactor, threads of scripts and workers call them.
"""
