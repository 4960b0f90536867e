"""Scripts, styles and images."""
