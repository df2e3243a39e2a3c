"""What mail programs are told, so that an address and a password are enough to set them up (A18)."""
