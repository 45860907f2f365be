"""Service area: cooperation between home and school."""
