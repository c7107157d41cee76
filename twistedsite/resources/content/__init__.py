"""Rules and mechanisms of content: preconditions, ranges, compression, sending."""
