"""People with accounts in every role, using an application in this process, and their permissions."""
