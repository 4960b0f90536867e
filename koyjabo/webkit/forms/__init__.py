"""Forms, and questions before damage."""
