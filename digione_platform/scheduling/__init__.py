"""Service area: planning of school and work schedules."""
