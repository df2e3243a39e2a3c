"""Forms about the treatment of mail, in the words the services take."""
