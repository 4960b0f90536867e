"""People with accounts in every role, in front of an application in this process, and what each may do."""
