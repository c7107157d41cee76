"""What a script's run is given: its request, its answer as it grows, its session, its site's files."""
