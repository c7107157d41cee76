"""The rivals' applications: the same pages for each framework. They run in the rivals' own environment, not in ours."""
