"""The pages that the server itself shows: what they say, how they look, and which form of them a client gets.

Plain functions from data to text, without Twisted: called on the reactor, in script threads and in workers.
"""
