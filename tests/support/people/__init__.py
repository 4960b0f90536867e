"""People with accounts in every role, who use an application in this process, and their permissions."""
