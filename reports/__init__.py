"""What admins and users see of their mail: usage, log, monthly report."""
