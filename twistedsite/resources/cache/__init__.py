"""What is kept in memory to answer again, and what must still hold for that."""
