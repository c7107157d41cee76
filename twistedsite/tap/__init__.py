"""How the server is started: options and service maker of `twistd scriptsite`, and the `scriptsite` command."""
