"""The programs that scripts run (`filter`, `execute`, `pipe`), each in a process of its own for one message.

They are copied beside the scripts and run by the machine's own Python as the mail user: standard library only, few
imports (a start costs some 15 ms, most of it imports), no trust in what they read. They end by themselves before
Dovecot's patience does: its LMTP process aborts when it has to end a filter. A failure is an exit status other than 0,
never half a message; whoever writes `if filter "…"` in a script goes on without it then.
"""
