"""Request and response bodies about visits, shared by counting and other packages."""
