"""How objects are published, as ZPublisher and Bobo did: which object a URL leads to, and what it is called with."""
