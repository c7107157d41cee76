"""Scripts in threads of this process."""
