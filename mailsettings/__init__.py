"""What happens to mail, and how it reaches the servers."""
