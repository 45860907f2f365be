"""What people and programs see; nobody else prints."""
