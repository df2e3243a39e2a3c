"""What people can do: one function for one act, keyword-only `acting_user`."""
