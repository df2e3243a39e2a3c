"""The sample files, under the manuals' names. Their example rows do nothing until somebody fills them in."""

from typing import Final

# kind -> (file name, content). ASCII: whatever opens it shows the same.
SAMPLES: Final[dict[str, tuple[str, str]]] = {
    "create": (
        "mail-accounts-sample.csv",
        "mail_account,mail_password,mail_capacity,comment\r\nexample1,,1024,Sales\r\nexample2,,,\r\n",
    ),
    "edit": (
        "mail-password-sample.csv",
        "mail_account,password,mail_capacity\r\nexample1,,2048\r\nexample2,,\r\n",
    ),
    "commands": (
        "mail-commands-sample.csv",
        "command,mail_account,mail_password,mail_capacity,comment,mobile_address\r\n"
        "add,example1,,1024,Sales,\r\nmodify,example2,,2048,,\r\ndelete,example3,,,,\r\n",
    ),
}
