"""What the operator and the folder's author may say: the settings' types, and how they are read.

Nothing here opens a socket or knows a request; every other room may import this one.
"""
