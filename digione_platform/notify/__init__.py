"""Mail that tells people that there is something new: a queue in the database, and what sends it."""
