"""Moving here: what another panel's database holds, read as it is and brought in through our own rules."""
