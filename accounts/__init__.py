"""Who and what: plans, customers, admins, domains and every address in them."""
