"""OneRoster 1.2 CSV bundles: reading, checking, importing and undoing."""
