"""Service area: school administration."""
