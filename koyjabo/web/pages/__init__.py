"""Code shared by pages: errors, results of actions, lists, links."""
