"""What handler classes find, as Httpdapy gave it: the base class and the objects that describe a request."""
