"""A synthetic municipality of any size as a OneRoster 1.2 bundle, the same for the same arguments."""
