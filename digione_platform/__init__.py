"""The service platform of one municipality: what its people use."""
