"""One function for each thing that a person can do to the treatment of mail; pages and the API call these."""
