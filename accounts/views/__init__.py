"""Pages: look the object up among what the user may see, run the form, call the service, go on."""
