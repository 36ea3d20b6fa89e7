"""What of the API our kinds map, what they leave out and why, and what a newer SDK changes."""
