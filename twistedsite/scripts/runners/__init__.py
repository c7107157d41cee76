"""Where scripts run: in threads of this process, or in worker processes."""
