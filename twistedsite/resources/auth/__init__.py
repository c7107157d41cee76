"""Users, password hashes, and counts of wrong guesses."""
