"""Service area: planning of teaching."""
