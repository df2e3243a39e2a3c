"""The milter: marks what comes in, judges what is submitted, rewrites what leaves by the way out."""
